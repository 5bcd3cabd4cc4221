"""The guides, a page each: written once, as Markdown, for the page Help and for who reads the folder."""
