"""How long the frames of an HTTP/2 connection say they are, looked at before a byte of them is kept.

The h2 library gathers a frame whole before it finds it too long (RFC 9113, section 4.2): 16 MB for each connection
whose peer announces so much. We never allow more than the length that every peer must take.
"""

MAX_FRAME_BYTES = 16384  # RFC 9113, section 4.2; we allow no more (SETTINGS_MAX_FRAME_SIZE)
PREFACE_BYTES = 24  # that a client sends before its first frame (section 3.4)

_HEADER_BYTES = 9


class FrameLengths:
    """Follows the frames of one connection."""

    def __init__(self, preface_bytes: int = 0) -> None:
        self._skipped = preface_bytes  # bytes that are still to come of a preface, or of a frame's body
        self._header = b""

    def are_allowed(self, data: bytes) -> bool:
        """Take the next bytes of the stream; False: they announce a frame that is too long."""
        at = 0
        while at < len(data):
            if self._skipped:
                step = min(self._skipped, len(data) - at)
                self._skipped -= step
            else:
                step = min(_HEADER_BYTES - len(self._header), len(data) - at)
                self._header += data[at : at + step]
                if len(self._header) == _HEADER_BYTES:
                    self._skipped = int.from_bytes(self._header[:3], "big")
                    self._header = b""
                    if self._skipped > MAX_FRAME_BYTES:
                        return False
            at += step
        return True
