"""Does it answer, and does it filter? The same from the Pi itself and from across the network."""

import http.client
import statistics
from collections.abc import Iterator, Sequence

from appliance.doctor.check_result import CheckResult, ok, problem, unknown
from appliance.doctor.dns_client import DnsResponse, query_server
from blocklists import builtin_list

CANARY = "use-application-dns.net"  # browsers ask it whether to bypass the room's DNS
SLOW_SECONDS = 0.1
_SAMPLES = 7
_PAGE_SECONDS = 5.0

_NOT_THERE = "is the resolver running, the cable in, and the address right? journalctl -u hallpass-resolver"


def check_resolution(host: str, port: int, listed: Sequence[str] | None = None) -> Iterator[CheckResult]:
    """Ask a room's server; `listed`: names that its policy closes (left out: what every school closes)."""
    names = list(builtin_list.builtin_names()["pornography"][:1]) if listed is None else list(listed[:1])
    for way, tcp in (("UDP", False), ("TCP", True)):
        what = f"DNS over {way}"
        try:
            response = query_server(host, port, CANARY, tcp=tcp)
        except OSError as failure:
            yield problem(what, f"{host} port {port}: {_describe_error(failure)}", _NOT_THERE)
            continue
        yield ok(what, f"answers in {response.seconds * 1000:.1f} ms")
        if not tcp:
            yield from _check_filter(host, port, names, response)


def check_pages(host: str, port: int) -> Iterator[CheckResult]:
    """Look whether the pages are served."""
    connection = http.client.HTTPConnection(host, port, timeout=_PAGE_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": host})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as failure:
        yield problem("pages", f"{host} port {port}: {_describe_error(failure)}", "journalctl -u hallpass-web")
    else:
        if status < 500:
            yield ok("pages", f"served on port {port}")
        else:
            yield problem("pages", f"answer with status {status}", "journalctl -u hallpass-web")
    finally:
        connection.close()


def _check_filter(host: str, port: int, listed: Sequence[str], canary: DnsResponse) -> Iterator[CheckResult]:
    if canary.is_nxdomain:
        yield ok("canary", "browsers are told not to bypass the filter")
    else:
        yield problem(
            "canary",
            "browsers are not told to keep to this DNS",
            "is this really a room of Hallpass? Check the address",
        )
    try:
        if listed:
            response = query_server(host, port, listed[0])
            if response.is_blocked:
                yield ok("filter", "a listed name is refused (the lamp lit up just now)")
            else:
                yield problem(
                    "filter",
                    "a listed name is not refused",
                    "find out why on the Pi: hallpass check NAME --config /run/hallpass/room.toml",
                )
        else:
            yield unknown("filter", "this room's policy closes nothing that the starter list knows")
        times = [query_server(host, port, CANARY).seconds for _ in range(_SAMPLES)]
    except OSError as failure:
        yield problem("filter", f"stopped answering: {_describe_error(failure)}", _NOT_THERE)
        return
    middle = statistics.median(times)
    if middle <= SLOW_SECONDS:
        yield ok("speed", f"{middle * 1000:.1f} ms in the middle of {_SAMPLES}")
    else:
        yield problem(
            "speed", f"{middle * 1000:.0f} ms in the middle of {_SAMPLES}", "is the network or the Pi overloaded?"
        )


def _describe_error(failure: Exception) -> str:
    return (getattr(failure, "strerror", None) or str(failure) or type(failure).__name__).lower()
