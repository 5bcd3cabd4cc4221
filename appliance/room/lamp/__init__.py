"""Lamp and button: what the lamp shows when, and what a press does."""
