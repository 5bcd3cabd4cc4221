"""Who may ask, and what is known of each: the view that is theirs, what they were answered, how much they may ask.

Only devices in the configured networks are known; of anyone else nothing is kept, so that strangers (or forged
addresses) cost no memory. A device is told apart by its address alone. At most `DEVICES` are kept; beyond that
those that have been quiet for longest are forgotten, which costs them nothing but their bucket.

The rate limit is a token bucket for each device: `rate` queries a second, and as many at once after a quiet
second. Queries over UDP and over streams have a bucket each, because "ask again over TCP" is what a device over
its limit is told.
"""

import ipaddress
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence

from dns.packet_cache import Finished, Noted, Replay
from dns.policy.verdict import Policy, View

DEVICES = 4096
UNLIMITED = sys.maxsize


class Client:
    """One device. The fast path reads `answers`, `cold`, `log` and `allowance`, and nothing else."""

    __slots__ = (
        "_given",
        "_stream_tokens",
        "_tokens",
        "address",
        "allowance",
        "answers",
        "cold",
        "harmless",
        "log",
        "quiet",
        "raw",
        "refused",
        "stream_allowance",
        "timed",
        "view",
    )

    def __init__(self, raw: bytes, address: str, view: View, answers: dict[bytes, Finished], rate: int) -> None:
        self.raw = raw
        self.address = address
        self.view = view
        self.answers = answers
        self.cold: dict[bytes, Finished] = {}  # answers that may be brought back
        self.harmless: set[bytes] = set()  # addresses that the view lets pass for any name
        self.log: list[Noted] = []  # one reference for each replayed answer since the last tick
        # Answers that went through the chain, with their milliseconds; refusals apart, because they are urgent.
        self.timed: list[tuple[Noted, float]] = []
        self.refused: list[tuple[Noted, float]] = []
        self.quiet = 0  # ticks without a query
        # The allowance is what the log may grow to before the next tick; the chain takes one off for each query.
        self._tokens = self._stream_tokens = float(rate)
        self._given = self.allowance = self.stream_allowance = rate or UNLIMITED

    def admit(self) -> bool:
        """Take one token for a query over UDP that goes through the chain; False: the device is over its limit."""
        if len(self.log) >= self.allowance:
            return False
        self.allowance -= 1
        return True

    def admit_stream(self) -> bool:
        """Take one token for a query over a connection; False: the device is over its limit."""
        if self.stream_allowance <= 0:
            return False
        self.stream_allowance -= 1
        return True

    def refill(self, rate: int, seconds: float) -> None:
        """Fill the buckets for the time since the last tick, whose answers have been counted."""
        if not rate:
            self._given = self.allowance = self.stream_allowance = UNLIMITED
            return
        used = self._given - self.allowance
        self._tokens = min(float(rate), self._tokens - used + rate * seconds)
        self._given = self.allowance = max(int(self._tokens), 0)
        self._stream_tokens -= max(int(self._stream_tokens), 0) - self.stream_allowance
        self._stream_tokens = min(float(rate), self._stream_tokens + rate * seconds)
        self.stream_allowance = max(int(self._stream_tokens), 0)


class Clients:
    """Every device that asked lately, by its raw address (4 or 16 bytes)."""

    def __init__(self, networks: Sequence[str], rate: int, policy: Policy, replay: Replay) -> None:
        self.known: dict[bytes, Client] = {}
        self.rate = rate
        self._policy = policy
        self._replay = replay
        self._networks = _by_version(ipaddress.ip_network(text) for text in networks)

    def of(self, raw: bytes) -> Client | None:
        """Return the device at a raw address, or None: a stranger."""
        client = self.known.get(raw)
        if client is None and self._is_welcome(raw):
            address = _text(raw)
            view = self._policy.view(address)
            client = Client(raw, address, view, self._replay.answers(view), self.rate)
            client.cold = self._replay.cold(view)
            client.harmless = self._replay.harmless(view)
            self.known[raw] = client
            if len(self.known) > DEVICES:
                self._forget_quiet()
        return client

    def of_text(self, address: str) -> Client | None:
        """Return the device at an address as text, or None: a stranger, or no address."""
        try:
            return self.of(raw_address(address))
        except OSError:
            return None

    def __iter__(self) -> Iterator[Client]:
        return iter(self.known.values())

    def swap(self, policy: Policy) -> None:
        """Give every device its view under a new policy. The replay must have been told of the policy before."""
        self._policy = policy
        for client in self.known.values():
            before, client.view = client.view, policy.view(client.address)
            client.answers = self._replay.answers(client.view, before)
            client.cold = self._replay.cold(client.view)
            client.harmless = self._replay.harmless(client.view)

    def _is_welcome(self, raw: bytes) -> bool:
        number = int.from_bytes(raw, "big")
        return any(number & mask == network for network, mask in self._networks.get(len(raw), ()))

    def _forget_quiet(self) -> None:
        by_silence = sorted(self.known.values(), key=lambda client: client.quiet, reverse=True)
        for client in by_silence[: DEVICES // 4]:
            if not (client.log or client.timed or client.refused):
                del self.known[client.raw]


def raw_address(address: str) -> bytes:
    """Return an address as the bytes that clients are known by. Raises OSError for what is none."""
    text = address.partition("%")[0]
    if ":" not in text:
        return socket.inet_pton(socket.AF_INET, text)
    raw = socket.inet_pton(socket.AF_INET6, text)
    return raw[12:] if raw.startswith(b"\0" * 10 + b"\xff\xff") else raw  # IPv4 that came in by an IPv6 socket


def _text(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _by_version(
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
    for network in networks:
        size = 4 if network.version == 4 else 16
        found[size].append((int(network.network_address), int(network.netmask)))
    return found
