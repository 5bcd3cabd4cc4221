"""Signing in here for the page of a room that has no HTTPS."""
