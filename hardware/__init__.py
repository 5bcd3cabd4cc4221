"""The lamp and the button. Knows only its pins."""
