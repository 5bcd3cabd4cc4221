"""What must be true before the demo starts, each with what to do where it is not."""

import socket
from pathlib import Path

from dnslib import DNSRecord

from appliance.errors import HallpassError
from appliance.settings.values import Endpoint, Upstream

PROBE_SECONDS = 2.0
_PROBE_NAME = "example.org"


def require_free_ports(dns: Endpoint, pages: dict[str, Endpoint]) -> None:
    """Raise HallpassError naming the first port that somebody else holds, and the option that moves ours.

    `pages` maps the option's name to where the page would be served.
    """
    _require_free(dns, socket.SOCK_DGRAM, "--dns-port")
    _require_free(dns, socket.SOCK_STREAM, "--dns-port")
    for option, endpoint in pages.items():
        _require_free(endpoint, socket.SOCK_STREAM, option)


def system_upstreams(resolv_conf: Path = Path("/etc/resolv.conf")) -> tuple[Upstream, ...]:
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
                    found.append(Upstream.parse(address))
                except ValueError:
                    continue  # such as an address with a scope: not one that we could ask
    return tuple(found)


def answers(upstream: Upstream) -> bool:
    """Tell whether a plain DNS server answers within `PROBE_SECONDS`."""
    family = socket.AF_INET6 if ":" in upstream.host else socket.AF_INET
    query: bytes = DNSRecord.question(_PROBE_NAME).pack()
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect((upstream.host, upstream.port))
            probe.send(query)
            return probe.recv(4096)[:2] == query[:2]
        except OSError:
            return False


def _require_free(endpoint: Endpoint, kind: socket.SocketKind, option: str) -> None:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that is only lingering is free
        try:
            probe.bind((endpoint.host, endpoint.port))
        except OSError as problem:
            raise HallpassError(
                f"{endpoint} cannot be used ({problem.strerror}); stop what holds it, or choose another port "
                f"with {option}"
            ) from None
