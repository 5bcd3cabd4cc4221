"""The certificate of a room's pages that came from central: one file (`RoomPaths.page_certificate`).

Its first line says in JSON what the rest is; then come the certificate with its chain, and the key (PEM; what
stands before the first certificate is explanation: RFC 7468, section 5.2). It is replaced whole, so that
certificate, key and name always fit.

The pages serve with it, and the resolver answers for its name. Where the room's processes have one user, it is
that user's alone (0600); on a card, where each has its own, their group may read it (`files.keep_files_private`).

A technician's `[web.tls]` goes before it (`page_tls`).
"""

import hashlib
from pathlib import Path

import msgspec

from appliance.files import read_regular_file, write_file_atomically
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings, WebTlsSection
from dns.errors import DECODING_FAILED

MAX_FILE_BYTES = 256 * 1024
HTTPS_TAKEN_VARIABLE = "HALLPASS_HTTPS_TAKEN"  # for the pages' server: another program has the port for HTTPS
_MODE = 0o640  # less what the umask takes


class HeldPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a room knows of the certificate that it has for its pages."""

    digest: str  # as central's feed names it
    name: str  # what a browser asks for
    publicly_trusted: bool = False
    renew_at: float = 0.0  # Unix seconds; 0: central says when
    content_hash: str = ""  # SHA-256 of what follows


_decoder = msgspec.json.Decoder(HeldPage)


def read_page(path: Path) -> HeldPage | None:
    """Return what is known of the certificate; None: there is none, or the file is damaged."""
    try:
        head, _, content = read_regular_file(path, MAX_FILE_BYTES).partition(b"\n")
        held = _decoder.decode(head)
    except (OSError, *DECODING_FAILED):
        return None
    return held if held.content_hash == hashlib.sha256(content).hexdigest() else None


def write_page(path: Path, held: HeldPage, content: bytes) -> None:
    """Put a certificate with its key (PEM) into the place of the one before. Raises OSError."""
    held = msgspec.structs.replace(held, content_hash=hashlib.sha256(content).hexdigest())
    write_file_atomically(path, msgspec.json.encode(held) + b"\n" + content, mode=_MODE)


def page_name(settings: RoomSettings) -> str:
    """Return the name of the room's pages, where central gave them one and they are served under it; else ""."""
    held = read_page(RoomPaths.from_settings(settings).page_certificate) if settings.https_listen else None
    return "" if held is None else held.name


def page_tls(settings: RoomSettings) -> WebTlsSection | None:
    """Return with what the pages are served over HTTPS: as the settings say, else with what central gave.

    A file that is there and cannot be read is a certificate too: damage brings no place for a password back.
    """
    if settings.web.tls is not None or (listen := settings.https_listen) is None:
        return settings.web.tls
    path = RoomPaths.from_settings(settings).page_certificate
    if not path.exists():
        return None
    held = read_page(path)
    return WebTlsSection(
        certificate=path,
        key=path,
        listen=listen,
        name="" if held is None else held.name,
        publicly_trusted=held is not None and held.publicly_trusted,
    )
