"""Who may ask, and what is known of each: the view that is theirs, what they were answered, how much they may ask.

Only devices in the configured networks are known; of anyone else nothing is kept, so that unknown clients (or
forged addresses) cost no memory. A device is told apart by its address alone. At most `MAX_CLIENTS` are kept;
beyond that those that have been quiet for longest are forgotten, which costs them nothing but their bucket.

The rate limit is a token bucket for each device: `rate` queries a second, and as many at once after a quiet
second. Queries over UDP and over streams have a bucket each, because "ask again over TCP" is what a device over
its limit is told. What a device asks of other workers is taken from its buckets here as well, a tick later
(`dns.shared_usage`): the kernel deals out its questions and connections by their ports.
"""

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dns.packet_cache import CachedResponse, PacketCache
from dns.policy.verdict import Policy, View
from dns.querylog.records import LogEntry
from dns.shared_usage import STREAM_SLOTS, UsageColumn

MAX_CLIENTS: Final = 4096
UNLIMITED: Final = 1 << 60  # as large as a number may be that compiled code compares in one step


class Client:
    """One device. The fast path reads `responses`, `previous_responses`, `log` and `allowance`, no more."""

    __slots__ = (
        "_granted",
        "_others_seen",
        "_slot",
        "_stream_others_seen",
        "_stream_tokens",
        "_tokens",
        "address",
        "allowance",
        "blocked",
        "has_replayed_block",
        "idle_ticks",
        "log",
        "previous_responses",
        "raw_address",
        "responses",
        "safe_addresses",
        "stream_allowance",
        "timed",
        "view",
    )

    def __init__(
        self, raw: bytes, address: str, view: View, responses: dict[bytes, CachedResponse], rate: int
    ) -> None:
        self.raw_address = raw
        self.address = address
        self.view = view
        self.responses = responses
        self.previous_responses: dict[bytes, CachedResponse] = {}  # answers that may be brought back
        self.safe_addresses: set[bytes] = set()  # addresses that the view lets pass for any name
        self.log: list[LogEntry] = []  # one reference for each replayed answer since the last tick
        # Answers that went through the pipeline, with their milliseconds; refusals apart, because they are urgent.
        self.timed: list[tuple[LogEntry, float]] = []
        self.blocked: list[tuple[LogEntry, float]] = []
        self.has_replayed_block = False  # a refusal is among those
        self.idle_ticks = 0  # ticks without a query
        # The allowance is what the log may grow to before the next tick; the pipeline takes one off per query.
        self._tokens = self._stream_tokens = float(rate)
        self._granted = self.allowance = self.stream_allowance = rate or UNLIMITED
        self._slot = self._others_seen = self._stream_others_seen = 0

    def join_usage(self, usage: UsageColumn) -> None:
        """Begin to count together with the other workers: what they counted before was before."""
        self._slot = usage.slot_of(self.raw_address)
        self._others_seen = usage.others(self._slot)
        self._stream_others_seen = usage.others(self._slot + STREAM_SLOTS)

    def take_udp_token(self) -> bool:
        """Take one token for a query over UDP that goes through the pipeline; False: it is over its limit."""
        if len(self.log) >= self.allowance:
            return False
        self.allowance -= 1
        return True

    def take_stream_token(self) -> bool:
        """Take one token for a query over a connection; False: the device is over its limit."""
        if self.stream_allowance <= 0:
            return False
        self.stream_allowance -= 1
        return True

    def refill_buckets(self, rate: int, seconds: float, usage: UsageColumn | None) -> None:
        """Fill the buckets for the time since the last tick, whose answers have been counted.

        `usage`: where workers share what devices ask; what others answered is taken off as what was answered here.
        """
        if not rate:
            self._granted = self.allowance = self.stream_allowance = UNLIMITED
            return
        used = self._granted - self.allowance
        stream_used = max(int(self._stream_tokens), 0) - self.stream_allowance
        if usage is not None:
            slot, stream_slot = self._slot, self._slot + STREAM_SLOTS
            if used:
                usage.add(slot, used)
            if stream_used:
                usage.add(stream_slot, stream_used)
            others, stream_others = usage.others(slot), usage.others(stream_slot)
            used += (others - self._others_seen) & 0xFFFFFFFF
            stream_used += (stream_others - self._stream_others_seen) & 0xFFFFFFFF
            self._others_seen, self._stream_others_seen = others, stream_others
        # Never deeper in debt than a second: two workers may both have given what was there.
        most = float(rate)
        self._tokens = max(-most, min(most, self._tokens - used + rate * seconds))
        self._granted = self.allowance = max(int(self._tokens), 0)
        self._stream_tokens = max(-most, min(most, self._stream_tokens - stream_used + rate * seconds))
        self.stream_allowance = max(int(self._stream_tokens), 0)


class Clients:
    """Every device that asked lately, by its raw address (4 or 16 bytes)."""

    def __init__(
        self,
        networks: Sequence[str],
        rate: int,
        policy: Policy,
        packet_cache: PacketCache,
        usage: UsageColumn | None = None,
    ) -> None:
        self.known: dict[bytes, Client] = {}
        self.rate = rate
        self.usage = usage if rate else None
        self._policy = policy
        self._packet_cache = packet_cache
        self.replace_networks(networks)

    def replace_networks(self, networks: Iterable[str]) -> None:
        """Know the devices in these networks from now on. Who is known already stays so."""
        self._networks = _networks_by_size(ipaddress.ip_network(text) for text in networks)

    def lookup_client(self, raw: bytes) -> Client | None:
        """Return the device at a raw address, or None: an unknown client."""
        client = self.known.get(raw)
        if client is None and self._is_allowed(raw):
            address = _address_text(raw)
            view = self._policy.view(address)
            client = Client(raw, address, view, self._packet_cache.current_responses(view), self.rate)
            client.previous_responses = self._packet_cache.previous_responses(view)
            client.safe_addresses = self._packet_cache.safe_addresses(view)
            if self.usage is not None:
                client.join_usage(self.usage)
            self.known[raw] = client
            if len(self.known) > MAX_CLIENTS:
                self._evict_idle()
        return client

    def lookup_client_by_text(self, address: str) -> Client | None:
        """Return the device at an address as text, or None: an unknown client, or no address."""
        try:
            return self.lookup_client(raw_address(address))
        except OSError:
            return None

    def __iter__(self) -> Iterator[Client]:
        return iter(self.known.values())

    def replace_policy(self, policy: Policy) -> None:
        """Give every device its view under a new policy. The packet cache must have been told of it before."""
        self._policy = policy
        for client in self.known.values():
            before, client.view = client.view, policy.view(client.address)
            client.responses = self._packet_cache.current_responses(client.view, before)
            client.previous_responses = self._packet_cache.previous_responses(client.view)
            client.safe_addresses = self._packet_cache.safe_addresses(client.view)

    def refresh_views(self) -> None:
        """Give a device that has come to another one's address the view that is its own."""
        for client in self.known.values():
            view = self._policy.current_view(client.address, client.view)
            if view is not client.view:
                client.view = view
                client.responses = self._packet_cache.current_responses(view)
                client.previous_responses = self._packet_cache.previous_responses(view)
                client.safe_addresses = self._packet_cache.safe_addresses(view)

    def _is_allowed(self, raw: bytes) -> bool:
        number = int.from_bytes(raw, "big")
        return any(number & mask == network for network, mask in self._networks.get(len(raw), ()))

    def _evict_idle(self) -> None:
        by_silence = sorted(self.known.values(), key=lambda client: client.idle_ticks, reverse=True)
        for client in by_silence[: MAX_CLIENTS // 4]:
            if not (client.log or client.timed or client.blocked):
                del self.known[client.raw_address]


def raw_address(address: str) -> bytes:
    """Return an address as the bytes that clients are known by. Raises OSError for what is none."""
    text = address.partition("%")[0]
    if ":" not in text:
        return socket.inet_pton(socket.AF_INET, text)
    raw = socket.inet_pton(socket.AF_INET6, text)
    return raw[12:] if raw.startswith(b"\0" * 10 + b"\xff\xff") else raw  # IPv4 that came in by an IPv6 socket


def _address_text(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _networks_by_size(
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
    for network in networks:
        size = 4 if network.version == 4 else 16
        found[size].append((int(network.network_address), int(network.netmask)))
    return found
