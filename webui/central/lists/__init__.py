"""The public lists, and compiling them."""
