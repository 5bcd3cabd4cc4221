"""The site of a trust: its administrators' pages, and what the centrals of its schools call."""
