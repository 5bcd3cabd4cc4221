"""What the school sets for all its rooms: what nobody can open, what is reported, the button, its own network."""
