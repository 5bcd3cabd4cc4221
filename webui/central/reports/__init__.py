"""Teachers' reports of sites, and settling them."""
