"""Does it answer, resolve and filter? The same from the Pi itself and from across the network."""

import contextlib
import email.utils
import http.client
import secrets
import statistics
from collections.abc import Iterator, Sequence

from appliance.doctor.check_result import CheckResult, ok, problem, unknown
from appliance.doctor.dns_client import DnsResponse, query_server
from blocklists import builtin_list
from dns.message.constants import Rcode, rcode_name

CANARY = "use-application-dns.net"  # browsers ask it whether to bypass the room's DNS
SLOW_SECONDS = 0.1
MAX_CLOCK_DIFFERENCE_SECONDS = 60.0
_SAMPLES = 7
_PAGE_SECONDS = 20.0  # those of a small board may have to begin first (`appliance.web_standby`)
_RESOLVE_SECONDS = 8.0  # a room whose upstreams are silent says so itself after three

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
            yield _check_open_name(host, port)


def fresh_name() -> str:
    """Return a name that nobody has asked for and no cache knows: its answer comes from outside."""
    return f"hallpass-doctor-{secrets.token_hex(4)}.example.org"


def check_pages(host: str, port: int, now: float | None = None) -> Iterator[CheckResult]:
    """Look whether the pages are served; where the time is given, also whether that machine's clock agrees."""
    connection = http.client.HTTPConnection(host, port, timeout=_PAGE_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": host})
        response = connection.getresponse()
        status = response.status
    except (OSError, http.client.HTTPException) as failure:
        yield problem("pages", f"{host} port {port}: {_describe_error(failure)}", "journalctl -u hallpass-web")
    else:
        if status < 500:
            yield ok("pages", f"served on port {port}")
        else:
            yield problem("pages", f"answer with status {status}", "journalctl -u hallpass-web")
        if now is not None:
            yield from _compare_clocks(response.headers.get("Date", ""), now)
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
                yield ok("filter", f"a listed name is refused (the lamp lit up just now); {_say_answer(response)}")
            else:
                yield problem(
                    "filter",
                    f"a listed name is not refused; {_say_answer(response)}",
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


def _check_open_name(host: str, port: int) -> CheckResult:
    """Ask for what only a server outside can answer: a room that answers for itself alone resolves nothing."""
    what, todo = "resolving", "is the internet there? On the Pi: hallpass doctor looks at each upstream"
    try:
        response = query_server(host, port, fresh_name(), timeout_seconds=_RESOLVE_SECONDS)
    except OSError as failure:
        return problem(what, f"an open name gets no answer: {_describe_error(failure)}", todo)
    because = f" ({response.explanation})" if response.explanation else ""
    if response.is_blocked:
        return unknown(what, f"every name is refused now: a lesson, a pause, or no enrolment yet{because}")
    if response.rcode == Rcode.REFUSED:
        return problem(
            what, f"this machine is not answered{because}", "does [dns] clients have the network of this machine?"
        )
    if response.rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
        return problem(what, f"an open name is answered with {rcode_name(response.rcode)}{because}", todo)
    return ok(what, f"names are asked outside and answered, in {response.seconds * 1000:.0f} ms")


def _compare_clocks(date: str, now: float) -> Iterator[CheckResult]:
    with contextlib.suppress(TypeError, ValueError):  # a page without a date tells nothing
        ahead = email.utils.parsedate_to_datetime(date).timestamp() - now
        if abs(ahead) > MAX_CLOCK_DIFFERENCE_SECONDS:
            which = "ahead of" if ahead > 0 else "behind"
            yield problem(
                "clock",
                f"is {abs(ahead) / 60:.0f} minutes {which} this machine's",
                "which of them is wrong? May that Pi reach a time server (UDP 123)?",
            )
        else:
            yield ok("clock", "agrees with this machine's")


def _say_answer(response: DnsResponse) -> str:
    if response.addresses:
        return f"the answer is {', '.join(response.addresses)}"
    return f"the answer is {rcode_name(response.rcode)}, without an address"


def _describe_error(failure: Exception) -> str:
    return (getattr(failure, "strerror", None) or str(failure) or type(failure).__name__).lower()
