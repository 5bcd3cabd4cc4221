"""Asking a room what one of its devices asked for."""
