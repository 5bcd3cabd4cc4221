"""Why is this closed? A name looked at as rooms decide it."""
