"""What can go wrong while an image is built or read."""

from appliance.errors import HallpassError


class ImageError(HallpassError):
    """An image could not be built or read; the message says what to do."""
