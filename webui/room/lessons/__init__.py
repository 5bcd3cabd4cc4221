"""Lessons, pauses, suspended devices, and links to check."""
