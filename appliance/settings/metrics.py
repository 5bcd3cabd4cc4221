"""[metrics]: figures for Prometheus, of a room and of central. Left out: none are served."""

import ipaddress

import msgspec

from appliance.settings.values import Endpoint, Network

LOOPBACK = (Network("127.0.0.0/8"), Network("::1/128"))
_WIDEST = {4: 16, 6: 48}  # bits that a network of readers has at least in common: no school's is wider


class MetricsSection(msgspec.Struct, frozen=True, kw_only=True):
    """[metrics]: where figures are served, and to whom beside this machine itself."""

    listen: Endpoint = Endpoint("127.0.0.1", 9153)
    networks: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        is_here_alone = ipaddress.ip_address(self.listen.host).is_loopback
        for one in map(ipaddress.ip_network, map(str, self.networks)):
            if one.prefixlen < _WIDEST[one.version]:
                raise ValueError(f"networks: {one} is wider than a school; name the machine that reads figures")
        if self.networks and is_here_alone:
            raise ValueError(f"listen: no other machine reaches {self.listen}; name an address, or no networks")
        if not self.networks and not is_here_alone:
            raise ValueError("networks: name who may read figures; nobody else can")

    @property
    def readers(self) -> tuple[Network, ...]:
        """Return who may read."""
        return (*LOOPBACK, *self.networks)

    @property
    def open_port(self) -> int | None:
        """Return the port that other machines come to, or None."""
        return self.listen.port if self.networks else None


class CentralMetricsSection(MetricsSection, frozen=True, kw_only=True):
    """The same for central; on a machine that is a room too, the two ports differ."""

    listen: Endpoint = Endpoint("127.0.0.1", 9154)
