"""What the safeguarding lead should look at."""
