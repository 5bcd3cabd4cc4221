"""How a room and central know each other: TLS in which both show a certificate of central's own authority.

A room names the authority that it trusts in its first message (SNI; RFC 6066, section 3), as the host
`<id>.rooms.hallpass.internal`. So one port serves this beside what browsers and rooms of before know, two
authorities may be in use while one follows the other, and the address at which central is reached proves nothing
and matters nothing.

Dates are not judged in the handshake: a room without a clock must come in to hear the time, and a certificate that
has ended must do so to be renewed. Both sides look at them afterwards.
"""

import hashlib
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from appliance.certificate_validity import subject_key_of_certificate

SUFFIX = "rooms.hallpass.internal"
PEER_CERTIFICATE = "hallpass.peer_certificate"  # in a request's environ: what the client showed, DER; b"": nothing
AUTHORITIES_FILE = "authorities.pem"
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python gives no name
HELLO_BYTES = 4096  # of a first message that are looked at
UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"  # an alert (RFC 8446, section 6): fatal, unrecognized_name
_HANDSHAKE = 0x16  # the type of a record of TLS (RFC 8446, section 5.1)
_RECORD_HEADER_BYTES = 5
PEM_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_NAME = re.compile(rb"([0-9a-f]{16})\." + re.escape(SUFFIX).encode())


def server_name(authority_id: str) -> str:
    """Return by which name central is known under an authority."""
    return f"{authority_id}.{SUFFIX}"


def authority_id_of(certificate: bytes) -> str:
    """Return the id of an authority by its certificate (DER). Raises ValueError."""
    return key_hash_of(certificate)[:16]


def needed_hello_bytes(begun: bytes) -> int:
    """Return how many bytes of a client's first message have to be there for the next look at it.

    Not more than there are: it can be seen which name it gives.
    """
    if begun and begun[0] != _HANDSHAKE:
        return 1  # no TLS
    if len(begun) < _RECORD_HEADER_BYTES:
        return _RECORD_HEADER_BYTES if begun else 1
    return min(_RECORD_HEADER_BYTES + int.from_bytes(begun[3:5], "big"), HELLO_BYTES)


def find_authority_id(hello: bytes) -> str:
    """Return which authority a client's first message names; "": it is none of a room's.

    The name is searched, not parsed: whoever writes it elsewhere is answered as a room, and gains nothing by it.
    """
    found = _NAME.search(hello) if hello.startswith(bytes([_HANDSHAKE])) else None
    return found[1].decode() if found else ""


class PinnedContexts:
    """Central's side: a context for each authority whose files stand in a folder, read anew when they change."""

    def __init__(self, folder: Path, context_class: Callable[[int], ssl.SSLContext] = ssl.SSLContext) -> None:
        self._folder = folder
        self._context_class = context_class
        self._seen: tuple[int, int] | None = None
        self._contexts: dict[str, ssl.SSLContext] = {}

    def find_context(self, authority_id: str) -> ssl.SSLContext | None:
        """Return the context under an authority, or None where there is no such one. Never raises."""
        authorities = self._folder / AUTHORITIES_FILE
        try:
            found = authorities.stat()
            if self._seen != (found.st_mtime_ns, found.st_ino):
                self._contexts = {
                    path.stem: self._read_context(path, authorities)
                    for path in self._folder.glob("*.pem")
                    if path.name != AUTHORITIES_FILE
                }
                self._seen = (found.st_mtime_ns, found.st_ino)
        except (OSError, ssl.SSLError):
            pass  # those of before, if there are any: files are replaced whole
        return self._contexts.get(authority_id)

    def _read_context(self, certificate: Path, authorities: Path) -> ssl.SSLContext:
        context = self._context_class(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate)
        context.load_verify_locations(authorities)
        context.verify_mode = ssl.CERT_OPTIONAL  # who enrols has none yet
        context.verify_flags |= NO_CHECK_TIME
        context.num_tickets = 0  # each connection shows its certificate anew
        return context


def key_hash_of(certificate: bytes) -> str:
    """Return by what a room is known: the hash of its certificate's public key. Raises ValueError."""
    return hashlib.sha256(subject_key_of_certificate(certificate)).hexdigest()
