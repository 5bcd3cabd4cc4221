"""Where a download may connect to: the internet, and inside the school only what the source itself names.

A publisher's redirect, or a name that it lets point at 127.0.0.1, must not reach the services of this machine or
of the school's network. So each address is looked at just before it is connected to, whatever the name said; an
IPv4 address in IPv6 clothes counts as what is in it. A source inside the school is subscribed to by an address, a
single word, or a name that exists only inside (`.local`, `.internal`, `.home.arpa`).
"""

import ipaddress
import socket
import typing
from collections.abc import Iterable
from typing import Literal

import httpcore
import msgspec

from blocklists.errors import FetchFailed
from dns.policy.special_addresses import address_forms

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Place = Literal["internet", "network", "machine"]

_INSIDE_ENDINGS = (".local", ".internal", ".home.arpa", ".lan", ".intranet")
_WORDS = {"network": "an address inside the school's network", "machine": "this machine itself"}
_SOCKET_OPTION = typing.Any  # httpcore's own name for it is private


class TargetPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as the internet. The defaults are what holds; a test on loopback says otherwise."""

    internet: tuple[str, ...] = ()  # networks that count as the internet although they are inside
    hosts: dict[str, str] = {}  # name -> address, where the system's resolver is not to be asked

    def place_of(self, address: Address) -> Place:
        """Return where an address leads to."""
        *_, inner = address_forms(address)  # the address itself, or the one that it carries
        if any(inner in ipaddress.ip_network(network) for network in self.internet):
            return "internet"
        if inner.is_loopback or inner.is_unspecified:
            return "machine"
        return "internet" if inner.is_global and not inner.is_multicast else "network"

    def place_named(self, host: str) -> Place:
        """Return what a host says of itself, before anybody is asked where it is."""
        host = host.lower().rstrip(".")
        try:
            return self.place_of(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
        except ValueError:
            pass
        if host == "localhost" or host.endswith(".localhost"):
            return "machine"
        return "network" if "." not in host or host.endswith(_INSIDE_ENDINGS) else "internet"

    def resolve(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host. Raises OSError."""
        host = self.hosts.get(host, host)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]


class TargetGuard:
    """Which places one download may reach, by the address that its source names."""

    def __init__(self, policy: TargetPolicy, source_host: str) -> None:
        self._policy = policy
        self._source_host = source_host.lower()
        self._source_place = policy.place_named(source_host)

    def check_name(self, host: str) -> None:
        """Raise FetchFailed for a host that says itself that it is not to be reached."""
        self._check(host, self._policy.place_named(host))

    def reachable_addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be connected to. Raises FetchFailed, OSError."""
        addresses = self._policy.resolve(host, port)
        reachable = [str(one) for one in addresses if self._may_reach(host, self._policy.place_of(one))]
        if not reachable:
            self._check(host, self._policy.place_of(addresses[0]))
        return list(dict.fromkeys(reachable))

    def check_peer(self, host: str, address: str) -> None:
        """Raise FetchFailed where the other end of a connection is not to be reached."""
        self._check(host, self._policy.place_of(ipaddress.ip_address(address.partition("%")[0])))

    def _may_reach(self, host: str, place: Place) -> bool:
        if place in ("internet", self._source_place):
            return True
        # A name inside may be this machine's own.
        return self._source_place == "network" and host.lower() == self._source_host

    def _check(self, host: str, place: Place) -> None:
        if not self._may_reach(host, place):
            raise FetchFailed(f"{host} leads to {_WORDS[place]}, which only a source that names it may reach")


class GuardedBackend(httpcore.NetworkBackend):
    """Connects as httpcore does, but only to what the guard lets pass. A proxy is the school's own and may be."""

    def __init__(self, guard: TargetGuard, proxy_host: str = "") -> None:
        self._guard = guard
        self._proxy_host = proxy_host
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes us. Raises FetchFailed, httpcore.ConnectError."""
        if self._proxy_host and host == self._proxy_host:
            return self._sockets.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            addresses = self._guard.reachable_addresses(host, port)
        except OSError:
            raise FetchFailed(f"{host} cannot be found") from None
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
                failure = problem
                continue
            self._guard.check_peer(host, str(stream.get_extra_info("server_addr")[0]))
            return stream
        raise failure
