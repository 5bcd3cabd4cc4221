"""What a trust lays down for its schools."""
