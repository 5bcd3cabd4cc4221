"""A trust: a service above the centrals of its schools, each of which keeps its own database, keys and rooms."""
