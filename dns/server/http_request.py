"""One request over HTTP, and the DNS question in it or the status that says why there is none (RFC 8484)."""

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import parse_qs

from dns.message.constants import MEDIA_TYPE
from dns.message.header import HEADER_BYTES, QR

DOH_PATH = "/dns-query"
MAX_QUERY_BYTES = 65535
_USED_HEADERS = frozenset({":path", ":method", "content-type"})

Headers = Sequence[tuple[str, str]]


class DohRequest:
    """One question on its way in."""

    def __init__(self, headers: Headers) -> None:
        self.headers = {name: value for name, value in headers if name in _USED_HEADERS}
        self.body = bytearray()

    def dns_query(self) -> bytes | int:
        """Return the DNS message, or the HTTP status that says why there is none."""
        path, _, query = self.headers.get(":path", "").partition("?")
        if path != DOH_PATH:
            return 404
        method = self.headers.get(":method")
        if method == "POST":
            if self.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
                return 415
            message = bytes(self.body)
        elif method == "GET":
            message = _from_query(query)
        else:
            return 405
        return message if len(message) >= HEADER_BYTES and not message[2] & QR else 400


def _from_query(query: str) -> bytes:
    """Return the message in a GET's query string (base64url without padding), empty where there is none."""
    if len(query) > 2 * MAX_QUERY_BYTES:
        return b""
    try:
        values = parse_qs(query, max_num_fields=8, errors="strict").get("dns", [""])
        text = values[0].rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
