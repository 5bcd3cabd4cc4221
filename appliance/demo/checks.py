"""What must be true before the demo starts, each with what to do where it is not."""

import socket
from pathlib import Path

from dnslib import DNSError, DNSRecord

from appliance.ports import require_free_port
from appliance.settings.values import Endpoint, UpstreamSetting
from dns.message.constants import Rcode

PROBE_SECONDS = 2.0
_PROBE_NAME = "example.org"


def require_free_ports(dns: Endpoint, pages: dict[str, Endpoint], dns_option: str = "--dns-port") -> None:
    """Raise HallpassError naming the first port that somebody else holds, and the option that moves ours.

    `pages` maps the option's name to where the page would be served.
    """
    require_free_port(dns, socket.SOCK_DGRAM, _hint(dns_option))
    require_free_port(dns, socket.SOCK_STREAM, _hint(dns_option))
    for option, endpoint in pages.items():
        require_free_port(endpoint, socket.SOCK_STREAM, _hint(option))


def system_upstreams(resolv_conf: Path = Path("/etc/resolv.conf")) -> tuple[UpstreamSetting, ...]:
    """Return the servers that this machine itself asks; empty where it names none."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        match line.split():
            case ["nameserver", address, *_]:
                try:
                    found.append(UpstreamSetting.parse(address))
                except ValueError:
                    continue  # such as an address with a scope: not one that we could ask
    return tuple(found)


def can_resolve(upstream: UpstreamSetting) -> bool:
    """Tell whether a plain DNS server finds an address for a name that exists, within `PROBE_SECONDS`."""
    response = _query_upstream(upstream)
    if response is None:
        return False
    try:
        message = DNSRecord.parse(response)
    except DNSError:
        return False
    return bool(message.header.rcode == Rcode.NOERROR and message.rr)


def is_answering(upstream: UpstreamSetting) -> bool:
    """Tell whether a plain DNS server answers anything at all within `PROBE_SECONDS`."""
    return _query_upstream(upstream) is not None


def _query_upstream(upstream: UpstreamSetting) -> bytes | None:
    family = socket.AF_INET6 if ":" in upstream.host else socket.AF_INET
    query: bytes = DNSRecord.question(_PROBE_NAME).pack()
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect((upstream.host, upstream.port))
            probe.send(query)
            response = probe.recv(4096)
        except OSError:
            return None
    return response if response[:2] == query[:2] else None


def _hint(option: str) -> str:
    return f"; stop what holds it, or choose another port with {option}"
