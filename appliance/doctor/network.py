"""Whether a device of this room can get past the filter, and what closes the way: `hallpass doctor --network`.

What a device might do is done: public resolvers are asked by address over plain DNS, over TLS and over HTTPS, and
the network is asked which DNS servers it offers. A server that is offered is judged by what it answers: one that
closes what a room closes is one of Hallpass's, wherever it is. Each finding comes with the rule to write.
"""

import concurrent.futures
import contextlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from socket import create_connection

from appliance.doctor.check_result import Check, CheckResult, ok, problem, unknown
from appliance.doctor.dns_client import query_server
from appliance.doctor.offered_resolvers import OfferedResolvers, ask_network, list_interfaces
from appliance.doctor.public_resolvers import PUBLIC_RESOLVERS, PublicResolver
from appliance.doctor.resolution import CANARY
from blocklists import builtin_list

TIMEOUT_SECONDS = 2.0
AT_ONCE = 32
DNS_PORT, TLS_PORT, HTTPS_PORT = 53, 853, 443

Probe = Callable[[PublicResolver, str], bool]


class NetworkDoctor:
    """Looks at the network from a machine in it.

    `room` is the room's address, for the rules to write; `is_room`: this machine is the room.
    """

    def __init__(self, room: str = "", *, is_room: bool = False) -> None:
        self._room = room or "ROOM"
        self._is_room = is_room

    def checks(self) -> tuple[tuple[str, Check], ...]:
        """Return every check in its order."""
        return (
            ("plain DNS", self._plain_dns),
            ("DNS over TLS", self._dns_over_tls),
            ("DNS over HTTPS", self._dns_over_https),
            ("offered DNS", self._offered),
        )

    def _plain_dns(self) -> Iterator[CheckResult]:
        found = _probe_all({"UDP": partial(_answers, tcp=False), "TCP": partial(_answers, tcp=True)})
        yield from self._judge("plain DNS", f"over port {DNS_PORT}", found, self._port_rule())

    def _dns_over_tls(self) -> Iterator[CheckResult]:
        found = _probe_all({"TCP": partial(_greets, port=TLS_PORT)})
        yield from self._judge("DNS over TLS", f"over port {TLS_PORT}", found, self._port_rule())

    def _dns_over_https(self) -> Iterator[CheckResult]:
        found = _probe_all({"TCP": partial(_greets, port=HTTPS_PORT)})
        yield from self._judge("DNS over HTTPS", f"over port {HTTPS_PORT}", found, _address_rule())

    def _judge(self, what: str, how: str, found: Sequence[str], rule: str) -> Iterator[CheckResult]:
        if not found:
            yield ok(what, f"no public resolver can be asked {how}")
        elif self._is_room:
            yield unknown(
                what,
                f"this Pi itself can ask {', '.join(found)} {how}; whether devices can shows only on one of them: "
                "hallpass doctor --network there",
            )
        else:
            yield problem(what, f"a device can ask {', '.join(found)} {how}", rule)

    def _offered(self) -> Iterator[CheckResult]:
        interfaces = list_interfaces()
        if not interfaces:
            yield unknown("offered DNS", "no cable and no Wi-Fi is up here")
        for interface in interfaces:
            try:
                offers = list(dict.fromkeys(ask_network(interface)))
            except PermissionError:
                yield unknown("offered DNS", "only root may ask for it: sudo hallpass doctor --network")
                return
            yield from self._judge_offers(interface, offers)

    def _judge_offers(self, interface: str, offers: Sequence[OfferedResolvers]) -> Iterator[CheckResult]:
        if not any(offer.servers for offer in offers):
            yield unknown("offered DNS", f"nobody offers a DNS server on {interface}")
        for offer in offers:
            strange = [server for server in offer.servers if not _is_hallpass(server, interface)]
            if strange:
                yield problem(
                    offer.way,
                    f"{offer.by} offers {', '.join(strange)} on {interface}, which does not filter as a room does",
                    self._offer_rule(offer.way),
                )
            elif offer.servers:
                yield ok(offer.way, f"{offer.by} offers {', '.join(offer.servers)} on {interface}, which filters")
        if len(servers := sorted({offer.by for offer in offers if offer.way == "DHCP"})) > 1:
            yield problem(
                "DHCP",
                f"{len(servers)} servers answer on {interface}: {', '.join(servers)}",
                "find the one that is not the school's, and unplug it; DHCP snooping on switches keeps it away",
            )

    def _port_rule(self) -> str:
        """Return rules for both families: one is closed but for the room, the other for everybody."""
        ports = f"meta l4proto {{ tcp, udp }} th dport {{ {DNS_PORT}, {TLS_PORT} }} reject"
        room, other = ("ip6", "ipv4") if ":" in self._room else ("ip", "ipv6")
        return (
            f"on the router: nft add rule inet filter forward {room} saddr != {self._room} {ports}; "
            f"nft add rule inet filter forward meta nfproto {other} {ports}"
        )

    def _offer_rule(self, way: str) -> str:
        return {
            "DHCP": f"let DHCP offer the room alone: option 6 (domain-name-servers) = {self._room}; dnsmasq: "
            f"dhcp-option=option:dns-server,{self._room}",
            "DHCPv6": "let DHCPv6 offer the room's IPv6 address alone (option 23), or no DNS server",
            "router advertisement": "let the router announce the room's IPv6 address, or no DNS server (in radvd "
            "no RDNSS); other devices' advertisements: RA guard on the switch",
        }[way]


def _address_rule() -> str:
    four, six = (
        ", ".join(one for public in PUBLIC_RESOLVERS for one in public.addresses if (":" in one) == is_6)
        for is_6 in (False, True)
    )
    ports = f"meta l4proto {{ tcp, udp }} th dport {HTTPS_PORT} reject"
    return (
        f"on the router: nft add rule inet filter forward ip daddr {{ {four} }} {ports}; "
        f"nft add rule inet filter forward ip6 daddr {{ {six} }} {ports}; keep the category circumvention closed"
    )


def _probe_all(probes: dict[str, Probe]) -> list[str]:
    """Try every public resolver at every address at once; return those that can be asked, for people."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [
            (
                f"{address} ({public.name}{f', {way}' if len(probes) > 1 else ''})",
                pool.submit(probe, public, address),
            )
            for public in PUBLIC_RESOLVERS
            for address in public.addresses
            for way, probe in probes.items()
        ]
        return [where for where, tried in under_way if tried.result()]


def _answers(_public: PublicResolver, address: str, *, tcp: bool) -> bool:
    """Tell whether plain DNS at an address leads past the filter.

    A network may lead the questions to the room instead: then the canary does not exist there.
    """
    try:
        return not query_server(address, DNS_PORT, CANARY, tcp=tcp, timeout_seconds=TIMEOUT_SECONDS).is_nxdomain
    except OSError:
        return False


def _greets(public: PublicResolver, address: str, *, port: int) -> bool:
    """Tell whether a TLS server answers at an address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who it is does not matter: a device's resolver has a way out
    try:
        with (
            create_connection((address, port), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=public.host),
        ):
            return True
    except OSError:
        return False


def _is_hallpass(server: str, interface: str) -> bool:
    """Tell whether a DNS server closes what a room of Hallpass closes."""
    host = f"{server}%{interface}" if server.startswith("fe80:") else server
    closed = builtin_list.builtin_names()["pornography"][0]
    with contextlib.suppress(OSError):
        canary = query_server(host, DNS_PORT, CANARY, timeout_seconds=TIMEOUT_SECONDS)
        return (
            canary.is_nxdomain and query_server(host, DNS_PORT, closed, timeout_seconds=TIMEOUT_SECONDS).is_blocked
        )
    return False
