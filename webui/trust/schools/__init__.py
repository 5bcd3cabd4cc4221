"""The schools of a trust."""
