"""Lists in UTF-16, which some programs of Windows write: read as UTF-8, by the mark at their beginning.

Without such a mark a text is taken for UTF-8; `blocklists.format_detection` then says what is wrong with it.
"""

import codecs
from typing import IO, cast

from blocklists.errors import SourceUnusable


class _Utf8Stream:
    """Gives the lines of a text of another encoding as UTF-8."""

    def __init__(self, text: codecs.StreamReader) -> None:
        self._text = text

    def readline(self, size: int) -> bytes:
        """Return the next line, or the beginning of one that takes more than about `size` bytes."""
        return self._text.readline(size // 4).encode("utf-8", "replace")


def utf8_stream(stream: IO[bytes]) -> IO[bytes]:
    """Return a stream whose lines are UTF-8. Raises SourceUnusable for an encoding that is not read."""
    start = stream.read(4)
    stream.seek(0)
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise SourceUnusable("is written in UTF-32: save it as UTF-8")
    if start[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return stream
    return cast("IO[bytes]", _Utf8Stream(codecs.getreader("utf-16")(stream, "replace")))
