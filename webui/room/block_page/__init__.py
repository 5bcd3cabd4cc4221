"""What stands where something is closed, and telling a grown-up."""
