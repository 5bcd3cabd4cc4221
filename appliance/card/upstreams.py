"""The name servers that the network offers, as systemd-networkd says (`/run/systemd/netif/state`).

Where this Pi is what devices are told to ask, the network offers the Pi to itself: an address of this machine's
own is never an upstream. Nor are addresses that mean something on one link only.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

MAX_UPSTREAMS = 4


def read_network_upstreams(state: Path, is_own: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the servers that are offered now."""
    try:
        text = state.read_text(errors="replace")
    except OSError:
        return ()
    return tuple(dict.fromkeys(server for server in _servers(text) if not is_own(server)))[:MAX_UPSTREAMS]


def read_last_upstreams(path: Path) -> tuple[str, ...]:
    """Return the servers that were written down."""
    try:
        return tuple(_addresses(path.read_text(errors="replace").split()))[:MAX_UPSTREAMS]
    except OSError:
        return ()


def _servers(state: str) -> Iterator[str]:
    for line in state.splitlines():
        key, _, value = line.partition("=")
        if key == "DNS":
            yield from _addresses(word.partition("#")[0] for word in value.split())


def _addresses(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        try:
            address = ipaddress.ip_address(word)
        except ValueError:
            continue
        if not (address.is_link_local or address.is_loopback or address.is_unspecified or address.is_multicast):
            yield str(address)
