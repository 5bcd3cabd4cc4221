"""Server cookies (RFC 7873): proof to us that a device is where it says it is, and to the device that we are us.

The server's part has the form of RFC 9018, section 4: version 1, three reserved bytes, the time, and eight bytes
that only the holder of the secret can make for this client cookie, time and address. (They are BLAKE2b's rather
than SipHash's: no other server shares our secret, so nobody else has to know them.) All workers of a room share
one secret, made at start. A cookie is never demanded: every device in the room is known by its network already.
"""

import hashlib
import hmac
import secrets
import struct

from dns.message import edns
from dns.message.constants import EdnsOption

SECRET_BYTES = 16
RENEW_SECONDS = 1800  # RFC 9018, section 4.3: an older one is replaced, one older than an hour is not valid
VALID_SECONDS = 3600
AHEAD_SECONDS = 300

_CLIENT_BYTES = 8
_HEAD = struct.Struct("!B3xI")


class ServerCookies:
    """Makes and checks server cookies."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._secret = secret or secrets.token_bytes(SECRET_BYTES)

    def build_option(self, sent: bytes, raw_address: bytes, now: float) -> bytes:
        """Return the option for an answer: the client's part as it was sent, and ours."""
        client = sent[:_CLIENT_BYTES]
        server = sent[_CLIENT_BYTES:]
        if not (self.is_valid(sent, raw_address, now) and now - _HEAD.unpack_from(server)[1] <= RENEW_SECONDS):
            server = self._make(client, raw_address, int(now))
        return edns.encode_option(EdnsOption.COOKIE, client + server)

    def is_valid(self, sent: bytes, raw_address: bytes, now: float) -> bool:
        """Tell whether the server's part is ours, for this client and address, and not too old."""
        client, server = sent[:_CLIENT_BYTES], sent[_CLIENT_BYTES:]
        if len(server) != _HEAD.size + 8:
            return False
        _, made = _HEAD.unpack_from(server)
        age = now - made
        return -AHEAD_SECONDS <= age <= VALID_SECONDS and hmac.compare_digest(
            server, self._make(client, raw_address, made)
        )

    def _make(self, client: bytes, raw_address: bytes, made: int) -> bytes:
        head = _HEAD.pack(1, made & 0xFFFFFFFF)
        return head + hashlib.blake2b(client + head + raw_address, digest_size=8, key=self._secret).digest()
