"""The second step at signing in: a code, besides the password."""
