"""Which categories each profile keeps closed."""
