"""Signing in by the school's own provider."""
