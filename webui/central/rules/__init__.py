"""The school's own rules."""
