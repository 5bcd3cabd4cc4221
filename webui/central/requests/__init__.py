"""Requests: what waits for a decision, and deciding it."""
