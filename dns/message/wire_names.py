r"""Domain names as they travel (RFC 1035, sections 3.1 and 4.1.4): read, written, stepped over.

What comes out is the canonical form of `dns.message.names`. A compression pointer may only point backwards, so
there is no loop to fall into. Whatever the bytes, nothing is raised but MalformedMessage; `skip_name` alone leaves
IndexError to its caller, who steps over many names and catches it once.
"""

import re
from typing import Final

from dns.errors import MalformedMessage
from dns.message.names import LABEL_BYTES, labels_to_text

NAME_BYTES: Final = 255
POINTER: Final = 0xC0  # the bits of a length byte that make it the first of a compression pointer

# A name that is pointed to more often is an attack: it has thousands, and each takes that long.
_MAX_POINTERS: Final = 20
_PLAIN: Final = re.compile(rb"[a-z0-9_.-]*")
_ESCAPED: Final = re.compile(r"\\(\d{3})")


def name_from_wire(message: bytes, at: int) -> str:
    """Return the canonical form of a name that may be compressed. Raises MalformedMessage."""
    labels: list[bytes] = []
    size, hops = 1, 0
    try:
        while length := message[at]:
            if length >= POINTER:
                # A pointer may only point backwards (RFC 1035, section 4.1.4: "a prior occurrence").
                target = (length & 0x3F) << 8 | message[at + 1]
                hops += 1
                if target >= at or hops > _MAX_POINTERS:
                    raise MalformedMessage("a compressed name that leads nowhere")
                at = target
                continue
            if length > LABEL_BYTES:
                raise MalformedMessage("a label of an unknown kind")
            size += length + 1
            if size > NAME_BYTES or at + length >= len(message):
                raise MalformedMessage("a name that is too long")
            labels.append(message[at + 1 : at + 1 + length])
            at += length + 1
    except IndexError:
        raise MalformedMessage("a name without an end") from None
    return labels_to_name(labels)


def expand_name(message: bytes, at: int) -> tuple[bytes, int]:
    """Return a name that may be compressed as it travels, written out, and the offset after it.

    Raises MalformedMessage.
    """
    name_from_wire(message, at)  # raises for whatever the walk below takes for granted
    parts: list[bytes] = []
    after = 0
    while length := message[at]:
        if length >= POINTER:
            after = after or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
            continue
        parts.append(message[at : at + length + 1])
        at += length + 1
    return b"".join(parts) + b"\0", after or at + 1


def labels_to_name(labels: list[bytes]) -> str:
    """Return the canonical form of labels."""
    joined = b".".join(labels).lower()
    # Nearly every name is plain; a dot within a label must not pass for one between two.
    if _PLAIN.fullmatch(joined) and joined.count(b".") < max(len(labels), 1):
        return joined.decode("ascii")
    return labels_to_text(tuple(labels))


def name_to_wire(name: str) -> bytes:
    r"""Return a canonical name as it travels, uncompressed; ``\DDD`` becomes its byte. Raises MalformedMessage."""
    if not name:
        return b"\0"
    parts = []
    for label in name.split("."):
        raw = _unescape_label(label) if "\\" in label else label.encode("latin-1", "replace")
        if not 1 <= len(raw) <= LABEL_BYTES:
            raise MalformedMessage(f"{name!r} has a label of {len(raw)} bytes")
        parts.append(bytes((len(raw),)) + raw)
    wire = b"".join(parts) + b"\0"
    if len(wire) > NAME_BYTES:
        raise MalformedMessage(f"{name!r} is too long")
    return wire


def skip_name(message: bytes, at: int) -> int:
    """Return the offset after a name. Raises IndexError or MalformedMessage."""
    while length := message[at]:
        if length >= POINTER:
            return at + 2
        if length > LABEL_BYTES:
            raise MalformedMessage("a label of an unknown kind")
        at += length + 1
    return at + 1


def _unescape_label(label: str) -> bytes:
    try:
        return _ESCAPED.sub(lambda found: chr(int(found[1])), label).encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedMessage(f"{label!r} is no label") from None
