"""What can go wrong with the lamp and the button."""


class HardwareError(Exception):
    """The lamp or the button cannot be used; the message says why."""
