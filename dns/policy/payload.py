"""A name's payload: what stands before its registrable domain, and how much of it could be carried data.

How much that is: the octets times the entropy of the letters, in bits (`dns.policy.tunnel` sums them up).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from dns.public_suffix import registrable_domain

NAMES = 4096  # whose payloads are remembered, because most names come again at once for another type

_ESCAPED = re.compile(r"\\(\d{3})")


class Payload(msgspec.Struct, frozen=True, gc=False):
    """What stands in a name before its registrable domain."""

    parent: str
    mark: int  # two payloads with the same mark are the same
    octets: int  # dots left out
    bits: float  # that it could carry


@lru_cache(maxsize=NAMES)
def payload_of(name: str) -> Payload:
    """Return what a canonical name carries beyond its registrable domain."""
    parent, payload = _parts(name)
    text = payload.replace(".", "")
    if "\\" in text:  # octets that are no letters are written in four
        text = _ESCAPED.sub(lambda found: chr(int(found[1])), text)
    return Payload(parent, hash(payload), len(text), len(text) * letter_entropy((text,)))


def split_payload(name: str) -> tuple[str, str]:
    """Return the domain that somebody registered, and what stands before it, dots left out.

    The name itself and nothing, where it is a public suffix (`dns.public_suffix`).
    """
    parent, payload = _parts(name)
    return parent, payload.replace(".", "")


def _parts(name: str) -> tuple[str, str]:
    parent = registrable_domain(name)
    if parent is None:
        return name, ""
    return parent, name[: -len(parent) - 1]


def letter_entropy(texts: Iterable[str]) -> float:
    """Return the entropy of the letters of some texts, in bits a letter (Shannon)."""
    counts = Counter("".join(texts))
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0
