"""The rooms: how they are, and enrolling them."""
