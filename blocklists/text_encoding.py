"""Lists in UTF-16, which some programs of Windows write: read as UTF-8, by the mark at their beginning.

A text whose lines end with a carriage return alone, as on old Macs, is read in the same way.

Without such a mark a text is taken for UTF-8; `blocklists.format_detection` then says what is wrong with it.
"""

import codecs
from typing import IO, cast

from blocklists.errors import SourceUnusable

_BEGINNING_BYTES = 1 << 16  # in which a text has the end of a line, if it is a list


class _Utf8Stream:
    """Gives the lines of a text of another encoding as UTF-8."""

    def __init__(self, text: codecs.StreamReader) -> None:
        self._text = text

    def readline(self, size: int) -> bytes:
        """Return the next line, or `size` bytes or somewhat more of one that is longer."""
        pieces: list[bytes] = []
        missing = size
        while missing > 0 and (piece := self._text.readline(size // 4)):
            pieces.append(piece.encode("utf-8", "replace"))
            if piece.endswith(
                ("\n", "\r")
            ):  # it is cut elsewhere too: at other ends of lines, and where it is long
                break
            missing -= len(pieces[-1])
        return b"".join(pieces)


def utf8_stream(stream: IO[bytes]) -> IO[bytes]:
    """Return a stream whose lines are UTF-8. Raises SourceUnusable for an encoding that is not read."""
    start = stream.read(_BEGINNING_BYTES)
    stream.seek(0)
    if start[:4] in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise SourceUnusable("is written in UTF-32: save it as UTF-8")
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
    elif b"\r" in start and b"\n" not in start:
        encoding = "utf-8"
    else:
        return stream
    return cast("IO[bytes]", _Utf8Stream(codecs.getreader(encoding)(stream, "replace")))
