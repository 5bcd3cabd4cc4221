"""What a technician may write into ``hallpass.toml`` on the boot partition.

Much less than a room's own settings: where things stand on the card, and which ports are served, is not theirs to
say. What is left out has a default that works. What a room's settings have too is the same struct or field there
(`appliance.settings.common`).
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

import msgspec
from msgspec import field

from appliance.settings.common import (
    ButtonSection,
    CommonListsSection,
    CommonLogSection,
    CommonPolicySection,
    CommonWebSection,
    LedSection,
)
from appliance.settings.dns import PRIVATE_NETWORKS, CommonDnsSection, ensure_servers_known
from appliance.settings.metrics import MetricsSection
from appliance.settings.values import UpstreamSetting, is_this_machine

_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "sk-ssh-ed25519@openssh.com")
_KEY = re.compile(rf"({'|'.join(map(re.escape, _KEY_KINDS))}) [A-Za-z0-9+/]{{40,}}={{0,2}}( [\x20-\x7e]*)?")


class IpAddress(msgspec.Struct, frozen=True):
    """An IP address."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.1`` or ``2001:db8::1``. Raises ValueError."""
        try:
            return cls(str(ipaddress.ip_address(text)))
        except ValueError:
            raise ValueError(f"{text!r} is not an IP address") from None

    @property
    def is_6(self) -> bool:
        """Whether it is one of IPv6."""
        return ":" in self.text

    def __str__(self) -> str:
        return self.text


class InterfaceAddress(msgspec.Struct, frozen=True):
    """An address of this machine with the size of its network."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.14/24``. Raises ValueError."""
        if "/" not in text:
            raise ValueError(f"{text!r} does not say how large the network is; write {text}/24, for example")
        try:
            return cls(str(ipaddress.ip_interface(text)))
        except ValueError:
            raise ValueError(f"{text!r} is not an address with its network, such as 192.0.2.14/24") from None

    @property
    def is_6(self) -> bool:
        """Whether it is one of IPv6."""
        return ":" in self.text

    def network_has(self, address: IpAddress) -> bool:
        """Tell whether an address lies in the network; a router of IPv6 may also have a link-local one."""
        other = ipaddress.ip_address(address.text)
        return other in ipaddress.ip_interface(self.text).network or (self.is_6 and other.is_link_local)

    @property
    def problem(self) -> str:
        """Why no machine can have it as its own address, or ""."""
        own = ipaddress.ip_interface(self.text).ip
        if own.is_loopback or own.is_multicast or own.is_unspecified or str(own) == "255.255.255.255":
            return f"{self} is no address that a machine on a network can have"
        if own.is_link_local:
            return f"{self} is link-local: no other network reaches it"
        return self.reserved_problem(IpAddress(str(own)))

    def reserved_problem(self, address: IpAddress) -> str:
        """Return why an address of this network belongs to no machine (RFC 919; RFC 4291, 2.6.1), or ""."""
        network, wanted = ipaddress.ip_interface(self.text).network, ipaddress.ip_address(address.text)
        if (
            network.prefixlen >= network.max_prefixlen - 1
        ):  # of two addresses both are machines' (RFC 3021, RFC 6164)
            return ""
        if wanted == network.network_address:
            return f"{address} stands for the network {network} itself"
        if wanted == network.broadcast_address and not self.is_6:
            return f"{address} reaches everybody in {network} at once (broadcast)"
        return ""

    @property
    def address(self) -> str:
        """The address alone."""
        return str(ipaddress.ip_interface(self.text).ip)

    def __str__(self) -> str:
        return self.text


class PublicKey(msgspec.Struct, frozen=True):
    """A public key of SSH, one line as in ``id_ed25519.pub``."""

    line: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read such a line. Raises ValueError."""
        if "PRIVATE KEY" in text:
            raise ValueError("this is the private key; it belongs on no card. Use the file that ends in .pub")
        line = " ".join(text.split())
        if not _KEY.fullmatch(line):
            raise ValueError("is not one line of a public key file, such as 'ssh-ed25519 AAAA... name'")
        return cls(line)

    def __str__(self) -> str:
        return self.line


class CardRoom(msgspec.Struct, frozen=True, kw_only=True):
    """[room]: which room this is. Left out: what the enrolment says."""

    name: Annotated[str, msgspec.Meta(max_length=100)] = ""

    def __post_init__(self) -> None:
        if not self.name.isprintable():
            raise ValueError("name: must be one line of text")


class CardNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """[network]: the cable. Left out: the network gives an address (DHCP, and IPv6 by itself)."""

    address: InterfaceAddress | None = None
    gateway: IpAddress | None = None
    ipv6: Literal["auto", "off"] = "auto"
    address6: InterfaceAddress | None = None
    gateway6: IpAddress | None = None

    def __post_init__(self) -> None:
        problems = [
            *_pair_problems("", self.address, self.gateway, is_6=False),
            *_pair_problems("6", self.address6, self.gateway6, is_6=True),
        ]
        if self.address is not None and self.gateway is None:
            problems.append("gateway: is missing beside address; the room would not reach the internet")
        if self.ipv6 == "off" and self.address6 is not None:
            problems.append("address6: IPv6 is off; leave one of the two out")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The addresses that this card has for certain."""
        return tuple(one.address for one in (self.address, self.address6) if one is not None)


class CardTime(msgspec.Struct, frozen=True, kw_only=True):
    """[time]: servers to ask for the time, by address: the time must not need DNS."""

    servers: tuple[IpAddress, ...] = ()


class CardSsh(msgspec.Struct, frozen=True, kw_only=True):
    """[ssh]: who may come in as root. Left out: nobody, and no server runs."""

    keys: tuple[PublicKey, ...] = ()


class CardDns(CommonDnsSection, frozen=True, kw_only=True):
    """[dns]: as in a room, less the addresses at which the card is asked."""

    upstreams: tuple[UpstreamSetting, ...] = ()  # left out: what the network offers, else a public service

    def __post_init__(self) -> None:
        ensure_servers_known(self.upstream, self.upstreams, self.forward)
        super().__post_init__()


class CardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    room: CardRoom = field(default_factory=CardRoom)
    network: CardNetwork = field(default_factory=CardNetwork)
    time: CardTime = field(default_factory=CardTime)
    ssh: CardSsh = field(default_factory=CardSsh)
    dns: CardDns = field(default_factory=CardDns)
    web: CommonWebSection = field(default_factory=CommonWebSection)
    led: LedSection = field(default_factory=LedSection)
    button: ButtonSection = field(default_factory=ButtonSection)
    log: CommonLogSection = field(default_factory=CommonLogSection)
    lists: CommonListsSection = field(default_factory=CommonListsSection)
    policy: CommonPolicySection | None = None
    metrics: MetricsSection | None = None

    def __post_init__(self) -> None:
        problems = [*_self_asking_problems(self), *_unserved_problems(self)]
        if problems:
            raise ValueError("; ".join(problems))


def _pair_problems(
    ending: str, own: InterfaceAddress | None, gateway: IpAddress | None, *, is_6: bool
) -> Iterator[str]:
    """Yield what contradicts itself in an address and its gateway."""
    kind = "IPv6" if is_6 else "IPv4"
    if own is not None and own.is_6 is not is_6:
        yield f"address{ending}: {own} is not an address of {kind}"
        return
    if own is not None and own.problem:
        yield f"address{ending}: {own.problem}"
    if gateway is None:
        return
    if gateway.is_6 is not is_6:
        yield f"gateway{ending}: {gateway} is not an address of {kind}"
    elif own is None:
        yield f"gateway{ending}: stands alone; name address{ending} too, or leave both out"
    elif gateway.text == own.address:
        yield f"gateway{ending}: {gateway} is the room's own address; it would send everything to itself"
    elif not own.network_has(gateway):
        yield f"gateway{ending}: {gateway} does not lie in the network of {own}"
    elif not is_6 and (reserved := own.reserved_problem(gateway)):  # of IPv6 it is any of the routers
        yield f"gateway{ending}: {reserved}"


def _self_asking_problems(card: CardSettings) -> Iterator[str]:
    """Yield what would make the room ask itself, round and round."""
    forwarded = (server for forward in card.dns.forward for server in forward.upstreams)
    asked = [("dns.upstreams", server.host) for server in card.dns.upstreams]
    asked += [("dns.forward.upstreams", server.host) for server in forwarded]
    asked += [("time.servers", server.text) for server in card.time.servers]
    for key, host in asked:
        if host in card.network.own_addresses or is_this_machine(host):
            yield f"{key}: {host} is this room itself; name a server outside it"


def _unserved_problems(card: CardSettings) -> Iterator[str]:
    """Yield where the devices beside the room would be refused: `clients` was written, and leaves them out."""
    if card.dns.clients == PRIVATE_NETWORKS:
        return
    served = [ipaddress.ip_network(str(network)) for network in card.dns.clients]
    for own in (card.network.address, card.network.address6):
        if own is not None and not any(ipaddress.ip_address(own.address) in network for network in served):
            network = ipaddress.ip_interface(own.text).network
            yield f"dns.clients: leaves out {network}, in which the room itself is: nobody there would be answered"
