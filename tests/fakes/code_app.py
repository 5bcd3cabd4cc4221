"""The app on somebody's phone: makes codes from a secret by the book (RFC 6238, RFC 4226), without our library."""

import base64
import hashlib
import hmac
import struct
from datetime import datetime


def code_of(secret: str, moment: datetime, *, steps: int = 0) -> str:
    """Return the six digits that an app shows, some steps of half a minute before or after a moment."""
    counter = int(moment.timestamp()) // 30 + steps
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06}"
