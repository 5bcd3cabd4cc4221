"""The feature log: all that was asked in this room today."""
