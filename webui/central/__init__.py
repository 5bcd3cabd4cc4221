"""The coordinator's pages, served by central."""
