"""Timetables, terms and holidays."""
