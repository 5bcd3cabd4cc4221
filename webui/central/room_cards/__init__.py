"""The files for rooms' cards, until they are saved."""
