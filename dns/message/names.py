r"""Domain names as text: one canonical form, and the reversed key that list look-ups use.

The canonical form is lower-case ASCII without the trailing dot: ``www.example.org``; the root is ``""``.
Bytes of a label that are not printable ASCII, and a dot or backslash inside a label, are written ``\DDD``
(RFC 1035, section 5.1), so that splitting at ``.`` always gives the labels.

A *key* is the name with its labels reversed and each closed by a dot: ``org.example.www.``. Every parent of a
name is then a prefix of its key, and no other name is.

Limits: labels of 1 to 63 bytes, names of at most 253 characters (RFC 1035, section 2.3.4).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import idna

from dns.errors import InvalidName

LABEL_BYTES = 63
NAME_CHARACTERS = 253

_PLAIN_LABEL = re.compile(r"[a-z0-9_-]{1,63}")  # without dots: one inside a label is not one between two
_PLAIN = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def canonical(text: str) -> str:
    """Return the canonical form of a name that a person or a list wrote.

    Accepts any case, one trailing dot, and international names (turned to punycode, IDNA 2008 with the UTS 46
    mapping). Raises InvalidName with the reason.
    """
    name = text.strip().lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
        except idna.IDNAError as problem:
            raise InvalidName(f"{text!r} is not a domain name: {problem}") from None
    if len(name) > NAME_CHARACTERS:
        raise InvalidName(f"{text[:40]!r}… is longer than {NAME_CHARACTERS} characters")
    if not _PLAIN.fullmatch(name):
        raise InvalidName(f"{text!r} is not a domain name")
    return name


def labels_to_text(labels: Iterator[bytes] | tuple[bytes, ...]) -> str:
    """Return the canonical form of labels as they stood on the wire (any bytes)."""
    return ".".join(_label_to_text(label) for label in labels)


def name_to_key(name: str) -> str:
    """Return the reversed key of a canonical name: ``www.example.org`` gives ``org.example.www.``."""
    return ".".join(reversed(name.split("."))) + "." if name else ""


def key_to_name(reversed_key: str) -> str:
    """Return the canonical name of a key."""
    return ".".join(reversed(reversed_key.removesuffix(".").split("."))) if reversed_key else ""


def parents(name: str) -> Iterator[str]:
    """Yield the name itself and each of its parents, the longest first, without the root."""
    while name:
        yield name
        _, _, name = name.partition(".")


def is_under(name: str, parent: str) -> bool:
    """Tell whether a canonical name is `parent` or one of its subdomains. Every name is under the root."""
    return not parent or name == parent or name.endswith("." + parent)


@lru_cache(maxsize=4096)
def _label_to_text(label: bytes) -> str:
    lowered = label.lower()
    text = lowered.decode("latin-1")
    if _PLAIN_LABEL.fullmatch(text):
        return text
    return "".join(chr(byte) if 33 <= byte <= 126 and byte not in b".\\" else f"\\{byte:03d}" for byte in lowered)
