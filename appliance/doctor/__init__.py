"""`hallpass doctor`: whether a room is well, and if not, what is to be done."""
