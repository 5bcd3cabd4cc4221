"""The site of a trust."""
