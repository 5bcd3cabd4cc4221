"""A name's payload: what stands before its registrable domain, and how much of it could be carried data.

How much that is: the octets times the entropy of the letters, in bits (`dns.policy.tunnel` sums them up).

In reverse zones (RFC 1035, section 3.5; RFC 3596, section 2.5) a network stands for the registrable domain: a /16
of IPv4, a /32 of IPv6, which is what a provider gets. Whoever asks for the names of IPv4 addresses then has a
payload of a few digits; what else is written into such names counts like anything else.
"""

import math
import re
from functools import lru_cache
from typing import Final

from dns.policy.tunnel_values import Payload
from dns.public_suffix import registrable_domain

NAMES: Final = 4096  # whose payloads are remembered, because most names come again at once for another type

LONGEST_TEXT: Final = 4 * 255  # of a name: each octet in four characters at most

_REVERSE_ZONES: Final = {"in-addr": 2, "ip6": 8}  # and how many labels of addresses are a network's
_ADDRESS_LABELS: Final = {
    "in-addr": frozenset(map(str, range(256))),
    "ip6": frozenset("0123456789abcdef"),
}

_N_LOG_N: Final = (0.0, *(count * math.log2(count) for count in range(1, LONGEST_TEXT + 1)))
_n_log_n: Final = _N_LOG_N.__getitem__
_ESCAPED: Final = re.compile(r"\\(\d{3})")


@lru_cache(maxsize=NAMES)
def payload_of(name: str) -> Payload:
    """Return what a canonical name carries beyond its registrable domain."""
    parent, payload = _parts(name)
    text = payload.replace(".", "")
    if "\\" in text:  # octets that are no letters are written in four
        text = _ESCAPED.sub(lambda found: chr(int(found[1])), text)
    return Payload(parent, hash(payload), len(text), information_bits(text), parent.endswith(".arpa"))


def split_payload(name: str) -> tuple[str, str]:
    """Return the domain that somebody registered, and what stands before it, dots left out.

    The name itself and nothing, where it is a public suffix (`dns.public_suffix`).
    """
    parent, payload = _parts(name)
    return parent, payload.replace(".", "")


def _parts(name: str) -> tuple[str, str]:
    parent = _reverse_network(name) if name.endswith(".arpa") else None
    if parent is None:
        parent = registrable_domain(name)
    if parent is None:
        return name, ""
    return parent, name[: -len(parent) - 1]


def _reverse_network(name: str) -> str | None:
    """Return the zone of the network that a name in a reverse zone belongs to, or None: it is in none."""
    labels = name.split(".")
    most = _REVERSE_ZONES.get(labels[-2])
    if most is None:
        return None
    numbers = _ADDRESS_LABELS[labels[-2]]
    at = len(labels) - 2
    while at > 0 and len(labels) - 2 - at < most and labels[at - 1] in numbers:
        at -= 1
    return ".".join(labels[at:])


def information_bits(text: str) -> float:
    """Return how much the letters of a name can carry: their number times their entropy (Shannon).

    Written with a table of n log2 n, because this runs for every new name: n log2 n, less the same of each count.
    """
    return _N_LOG_N[len(text)] - sum(map(_n_log_n, map(text.count, set(text))))
