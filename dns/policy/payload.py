"""A name's payload: what stands before its registrable domain, and how much of it could be carried data.

How much that is: the octets times the entropy of the letters, in bits (`dns.policy.tunnel` sums them up).
"""

import math
import re
from functools import lru_cache

import msgspec

from dns.public_suffix import registrable_domain

NAMES = 4096  # whose payloads are remembered, because most names come again at once for another type

LONGEST_TEXT = 4 * 255  # of a name: each octet in four characters at most

_N_LOG_N = (0.0, *(count * math.log2(count) for count in range(1, LONGEST_TEXT + 1)))
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
    return Payload(parent, hash(payload), len(text), information_bits(text))


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


def information_bits(text: str) -> float:
    """Return how much the letters of a name can carry: their number times their entropy (Shannon).

    Written with a table of n log2 n, because this runs for every new name: n log2 n, less the same of each count.
    """
    table = _N_LOG_N
    return table[len(text)] - sum([table[text.count(letter)] for letter in set(text)])
