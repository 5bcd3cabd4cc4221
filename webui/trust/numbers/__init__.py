"""The numbers of a trust's schools."""
