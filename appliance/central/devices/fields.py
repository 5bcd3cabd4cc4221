"""What may stand in the fields of a device: pure, no database.

A name is for people, so it may hold nothing that they cannot see: no control characters, no marks that turn the
text around them, no blanks without width. Two names that read the same are the same (`name_key`). A name that is
an address would be taken for one as a member of a group.
"""

import ipaddress
import unicodedata

from appliance.central.errors import NotPossible
from dns.policy.devices import canonical_mac, parse_networks

MAX_NAME_LENGTH = 64
OF_A_ROOM = "token:"  # before a room's token, where a policy means the device that only the room knows
MAX_KEY_LENGTH = 256  # some letters stand for many
MAX_NOTE_LENGTH = 200
MAX_ADDRESSES = 16  # of one device
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode categories
_MULTICAST_BIT = 0x01  # of the first octet of a MAC address: many devices


def parse_name(text: str) -> str:
    """Return a device's name as it is kept. Raises NotPossible, which says what is wrong with it."""
    name = _parse_text(text, "the name")
    if not name:
        raise NotPossible("a device needs a name")
    if len(name) > MAX_NAME_LENGTH or len(name_key(name)) > MAX_KEY_LENGTH:
        raise NotPossible(f"the name is longer than {MAX_NAME_LENGTH} characters")
    if canonical_mac(name) or parse_networks(name):
        raise NotPossible(f"{name} is an address, and no name")
    if name_key(name).startswith(OF_A_ROOM):
        raise NotPossible(f"{name} is how a room calls a device, and no name")
    return name


def parse_note(text: str) -> str:
    """Return what is noted of a device, as it is kept. Raises NotPossible."""
    note = _parse_text(text, "the note")
    if len(note) > MAX_NOTE_LENGTH:
        raise NotPossible(f"the note is longer than {MAX_NOTE_LENGTH} characters")
    return note


def name_key(name: str) -> str:
    """Return the same text for names that a reader takes for the same."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def parse_addresses(text: str) -> tuple[str, ...]:
    """Return the MAC and IP addresses in a text, separated by commas, semicolons or lines, in their one spelling.

    Raises NotPossible where one of them is none, or stands for more than one device.
    """
    found: dict[str, None] = {}
    for part in text.replace(";", ",").replace("\n", ",").split(","):
        for one in [part] if canonical_mac(part) else part.split():
            found[parse_address(one)] = None
    if len(found) > MAX_ADDRESSES:
        raise NotPossible(f"more than {MAX_ADDRESSES} addresses for one device")
    return tuple(found)


def parse_address(text: str) -> str:
    """Return a MAC or IP address in its one spelling. Raises NotPossible."""
    if mac := canonical_mac(text):
        if mac == "00:00:00:00:00:00" or int(mac[:2], 16) & _MULTICAST_BIT:
            raise NotPossible(f"{mac} is no device's own MAC address")
        return mac
    shown = text[:MAX_NAME_LENGTH]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise NotPossible(f"{shown!r} is neither a MAC nor an IP address") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise NotPossible(f"{shown!r} is an address of one cable only: leave out what follows the %")
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
    if address.is_multicast or address.is_unspecified or address == ipaddress.IPv4Address(2**32 - 1):
        raise NotPossible(f"{address} is no device's own address")
    return str(address)


def is_mac(address: str) -> bool:
    """Tell whether an address (in its one spelling) is a MAC address, and no IP address."""
    return canonical_mac(address) == address


def parse_network_list(text: str) -> tuple[str, ...]:
    """Return the networks and ranges in a text, one a line or separated by commas. Raises NotPossible."""
    found: dict[str, None] = {}
    for part in text.replace(";", ",").replace("\n", ",").split(","):
        if not (wanted := part.strip()):
            continue
        networks = parse_networks(wanted)
        if not networks:
            raise NotPossible(f"{wanted[:MAX_NAME_LENGTH]!r} is no network: write 192.0.2.0/24, for example")
        found |= dict.fromkeys(map(str, networks))
    return tuple(found)


def _parse_text(text: str, what: str) -> str:
    # Line ends and tabs are blanks like others: they come with what is pasted.
    one_line = " ".join(unicodedata.normalize("NFC", text).split())
    for character in one_line:
        if unicodedata.category(character) in _UNSEEN:
            raise NotPossible(f"{what} holds a character that nobody sees (U+{ord(character):04X})")
    return one_line
