"""What the safeguarding lead should look at: the rules that find it, and the monitor that follows them."""
