"""What is open for a while, and ending it early."""
