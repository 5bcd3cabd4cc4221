"""The central service: its store, its rules, and what it publishes to the rooms."""
