"""One request over HTTP (RFC 8484): its question or the status that says why there is none; an answer's head."""

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import parse_qs

from dns.errors import MalformedMessage
from dns.message.constants import MEDIA_TYPE, Rcode, RecordType
from dns.message.header import HEADER_BYTES, QR, rcode_of
from dns.message.scanner import scan_message

DOH_PATH = "/dns-query"
MAX_QUERY_BYTES = 65535
MAX_PATH_BYTES = 8192  # a path with a question in it
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


def response_headers(status: int, message: bytes = b"") -> list[tuple[str, str]]:
    """Return the fields that say of an answer what it is, or why there is none."""
    headers = [("content-length", str(len(message)))]
    if status == 405:
        headers.append(("allow", "GET, POST"))  # RFC 9110, section 15.5.6
    if status == 200:
        headers += [("content-type", MEDIA_TYPE), ("cache-control", f"max-age={cache_max_age(message)}")]
    return headers


def cache_max_age(message: bytes) -> int:
    """Return for how many seconds an HTTP cache may keep an answer (RFC 8484, section 5.1)."""
    try:
        scanned = scan_message(message)
    except MalformedMessage:
        return 0
    if rcode_of(message) not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
        return 0
    lives = [record.ttl for record in scanned.answer]
    if not lives:
        for record in scanned.authority:
            if record.rtype == RecordType.SOA and record.rdlength >= 4:
                end = record.rdata_offset + record.rdlength
                lives += [record.ttl, int.from_bytes(message[end - 4 : end], "big")]
    return min(lives, default=0)
