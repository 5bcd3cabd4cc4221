"""Whether teachers of this room sign in at central, where its pages have no HTTPS (ADR 0020).

Central says so with each answer about the room's health; the agent writes it down (`RoomPaths.sign_in_offer`), and
it holds while central is away: whoever keeps central from the room must not bring the place for a password back.
"""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from appliance.files import read_regular_file, write_file_atomically
from appliance.room.page_certificate import page_tls
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings
from dns.errors import DECODING_FAILED

MAX_URL_LENGTH = 500


class SignInOffer(msgspec.Struct, frozen=True):
    """What central said last."""

    url: str  # of its pages; "": teachers sign in in the room


_decoder = msgspec.json.Decoder(SignInOffer)


def is_offered(path: Path) -> bool:
    """Tell whether teachers sign in at central. A file that is there and cannot be read says so too."""
    try:
        return bool(_decoder.decode(read_regular_file(path)).url)
    except FileNotFoundError:
        return False
    except (OSError, *DECODING_FAILED):
        return True


def write_offer(path: Path, url: str) -> None:
    """Note what central says, where it is another thing than what holds. Raises OSError."""
    offer = SignInOffer(url if _is_usable(url) else "")
    try:
        if _decoder.decode(read_regular_file(path)) == offer:
            return
    except (OSError, *DECODING_FAILED):
        if not offer.url and not path.exists():
            return  # nothing was said before either
    write_file_atomically(path, msgspec.json.encode(offer))


def are_passwords_clear(settings: RoomSettings) -> bool:
    """Tell whether passwords cross the room's network in the clear: nothing hides what people type."""
    web = settings.web
    if settings.central is None or is_loopback(web.listen.host):
        return False
    is_encrypted = page_tls(settings) is not None
    if web.clear_passwords is not None:
        return web.clear_passwords and not is_encrypted
    return not is_encrypted and not is_offered(RoomPaths.from_settings(settings).sign_in_offer)


def is_loopback(host: str) -> bool:
    """Tell whether an address, or the name "localhost", leads no further than this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return is_safe and bool(parts.hostname) and len(url) <= MAX_URL_LENGTH and url.isascii() and url.isprintable()
