"""[dns] of a room's file and of a card's: who is answered, by asking whom, and within which limits."""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Self

import msgspec

from appliance.settings.values import CertificateFiles, Endpoint, Network, NotNegative, UpstreamSetting
from dns import cache_defaults
from dns.errors import InvalidName
from dns.forward.capabilities import Switch
from dns.forward.server import is_ip_address, upstream_title
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord
from dns.message.names import canonical

PRIVATE_NETWORKS = tuple(
    Network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (a server for the room)


class DomainName(msgspec.Struct, frozen=True):
    """A domain name in its canonical form; also a network, which stands for its reverse zone."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``school.example`` or ``192.168.4.0/24``. Raises ValueError."""
        if "/" in text:
            return cls(_reverse_zone(text))
        try:
            return cls(canonical(text))
        except InvalidName as problem:
            raise ValueError(str(problem)) from None

    def __str__(self) -> str:
        return self.name


class DnsForwardSection(msgspec.Struct, frozen=True, kw_only=True):
    """[[dns.forward]]: a domain, with its subdomains, that is asked of servers of its own and of no others."""

    domain: DomainName
    upstreams: tuple[UpstreamSetting, ...]

    def __post_init__(self) -> None:
        if not self.upstreams:
            raise ValueError("upstreams: name at least one server to ask")


class DnsUpstreamSection(msgspec.Struct, frozen=True, kw_only=True):
    """[[dns.upstream]]: how one of the servers is asked, where it is not left to what the room finds out."""

    server: UpstreamSetting  # as it stands among the upstreams
    mixed_case: Switch = "auto"  # names in random case, against spoofed answers
    edns: Switch = "auto"

    def __post_init__(self) -> None:
        if self.server.transport != "plain":
            raise ValueError("server: only plain servers have switches; over TLS and HTTPS nothing needs them")


def ensure_servers_known(
    switches: Iterable[DnsUpstreamSection],
    upstreams: Iterable[UpstreamSetting],
    forward: Iterable[DnsForwardSection],
) -> None:
    """Raise ValueError where switches are given for a server that nobody asks."""
    known = {*upstreams, *(server for one in forward for server in one.upstreams)}
    for one in switches:
        if one.server not in known:
            title = upstream_title(one.server)
            raise ValueError(f"upstream: {title} is none of the servers that are asked; name it in upstreams too")


def with_switches(
    servers: Iterable[UpstreamSetting], switches: Iterable[DnsUpstreamSection]
) -> tuple[UpstreamSetting, ...]:
    """Return servers with what the settings say of each."""
    by_server = {one.server: one for one in switches}
    return tuple(
        msgspec.structs.replace(server, mixed_case=found.mixed_case, edns=found.edns)
        if (found := by_server.get(server))
        else server
        for server in servers
    )


class DnsTlsSection(CertificateFiles, frozen=True, kw_only=True):
    """[dns.tls]: DNS over TLS and over HTTPS for the room's devices. Left out: neither."""

    name: str = ""  # as the certificate bears it, for devices that look; left out: the first of its names
    listen: tuple[Endpoint, ...] = tuple(Endpoint(host, 853) for host in ANY_ADDRESS)
    https: tuple[Endpoint, ...] = tuple(Endpoint(host, 443) for host in ANY_ADDRESS)


class DnsCacheSection(msgspec.Struct, frozen=True, kw_only=True):
    """[dns.cache]: how much is remembered, and for how long."""

    # For each worker; left out: as the machine's memory allows (`appliance.room.capacity`).
    megabytes: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    minimum_ttl: Annotated[int, msgspec.Meta(ge=0, le=3600)] = cache_defaults.MINIMUM_TTL  # seconds
    maximum_ttl: Annotated[int, msgspec.Meta(ge=1, le=604800)] = cache_defaults.MAXIMUM_TTL
    stale_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = (
        cache_defaults.STALE_HOURS
    )  # for how long an old answer may stand in


class CommonDnsSection(msgspec.Struct, frozen=True, kw_only=True):
    """[dns], as far as a card's file says it too: who is answered, and with what of the school's own."""

    clients: tuple[Network, ...] = PRIVATE_NETWORKS
    workers: NotNegative = 0  # 0: one per core, as far as memory goes (`appliance.room.capacity`)
    rate_limit: NotNegative = 1000  # queries a second per device; 0: off
    forward: tuple[DnsForwardSection, ...] = ()
    upstream: tuple[DnsUpstreamSection, ...] = ()
    record: tuple[LocalRecord, ...] = ()  # the school's own
    own_names: tuple[DomainName, ...] = (DomainName("hallpass.home.arpa"),)  # of this room's pages
    cache: DnsCacheSection = DnsCacheSection()

    def __post_init__(self) -> None:
        LocalZones(self.record)  # what one record cannot tell: an alias beside other records


class DnsSection(CommonDnsSection, frozen=True, kw_only=True):
    """[dns]: who is answered, where, and by asking whom."""

    upstreams: tuple[UpstreamSetting, ...]
    listen: tuple[Endpoint, ...] = tuple(Endpoint(host, 53) for host in ANY_ADDRESS)
    tls: DnsTlsSection | None = None

    def __post_init__(self) -> None:
        if not self.upstreams:
            raise ValueError("upstreams: name at least one server to ask")
        if not self.listen:
            raise ValueError("listen: name at least one address")
        _ensure_upstreams_resolvable(self)
        ensure_servers_known(self.upstream, self.upstreams, self.forward)
        super().__post_init__()


def _ensure_upstreams_resolvable(dns: DnsSection) -> None:
    """Raise ValueError where a server is given by name, and there is nobody to ask for its address."""
    if any(server.transport == "plain" for server in dns.upstreams):
        return
    for server in (*dns.upstreams, *(server for forward in dns.forward for server in forward.upstreams)):
        if not is_ip_address(server.host):
            raise ValueError(
                f"upstreams: the address of {server.host} cannot be looked up without a plain server; "
                f"write https://ADDRESS{server.path}#{server.host}"
            )


def _reverse_zone(text: str) -> str:
    network = ipaddress.ip_network(text)
    step = 8 if network.version == 4 else 4
    if network.prefixlen % step:
        raise ValueError(f"{text}: a reverse zone ends at a multiple of {step} bits")
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[(network.max_prefixlen - network.prefixlen) // step :])
