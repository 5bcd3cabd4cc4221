"""The page "Home": what waits, what is broken, the day in pictures."""
