"""What a school's own scripts and central say to each other, a file a feature; the limits stand in the types."""
