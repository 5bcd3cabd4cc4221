"""How a room is, looked at from the Pi itself: what only its own files and processes can tell."""

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from appliance.certificate_validity import CONNECT_SECONDS, DAY_SECONDS
from appliance.doctor import resolution
from appliance.doctor.certificates import check_central_certificate, check_certificate_files
from appliance.doctor.check_result import Check, CheckResult, ok, problem, unknown
from appliance.doctor.dns_client import query_server
from appliance.errors import HallpassError
from appliance.protocol import FOLLOWED_BY_LINKS
from appliance.room import clock, clock_difference, health, index_age
from appliance.room.agent import installer
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_errors import CentralRejected, CentralUnreachable
from appliance.room.conditions import Condition
from appliance.room.current_policy import CurrentPolicy
from appliance.room.health import ProcessHealth
from appliance.room.page_certificate import page_tls
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.room.sign_in_offer import are_passwords_clear
from appliance.settings.room import CentralLink, RoomSettings
from appliance.settings.values import Endpoint, UpstreamSetting
from blocklists import builtin_list
from dns.forward.pending_query import ANSWER_RCODES
from dns.forward.server import upstream_title
from dns.message.constants import RecordType, rcode_name
from dns.policy.explain import explain

_UPSTREAM_ADVICE = "is the internet there, and may this Pi ask that server? See [dns] upstreams"


class RoomDoctor:
    """Looks at one room."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._paths = RoomPaths.from_settings(settings)
        self._now = now

    def checks(self) -> tuple[tuple[str, Check], ...]:
        """Return every check in its order."""
        return (
            ("services", self._services),
            ("card", self._card),
            ("DNS", self._dns),
            ("upstreams", self._upstreams),
            ("pages", self._pages),
            ("certificate", self._certificates),
            ("clock", self._clock),
            ("central", self._central),
            ("policy", self._policy),
            ("log", self._log),
            ("lamp", self._lamp),
        )

    def _healths(self) -> tuple[ProcessHealth, ...]:
        return health.read_health(self._paths.health_folder, self._now())

    def _services(self) -> Iterator[CheckResult]:
        by_name = {one.process: one for one in self._healths()}
        names = sorted({*health.NEEDED_PROCESSES, *(name for name in by_name if name != "card")})
        wrong = [name for name in names if name not in by_name or Condition.STOPPED in by_name[name].conditions]
        for name in wrong:
            unit = name.partition("-")[0]
            yield problem("services", f"{name} does not run", f"journalctl -u hallpass-{unit}")
        if not wrong:
            yield ok("services", f"{', '.join(names)} run")

    def _card(self) -> Iterator[CheckResult]:
        card_health = next((one for one in self._healths() if one.process == "card"), None)
        if card_health is None:
            yield unknown("card", "this is no card, or it has not settled yet")
            return
        for line in card_health.details.get("problem", "").splitlines():
            yield problem("card", line, "correct it on the card's boot partition, and start the Pi again")
        if waits := card_health.details.get("waits"):
            yield problem(
                "card", f"waits for {waits}", "hallpass image personalise, or copy the file onto the card"
            )
        if not card_health.conditions:
            yield ok("card", "what was written on it is in use")

    def _dns(self) -> Iterator[CheckResult]:
        endpoint = self._settings.dns.listen[0]
        yield from resolution.check_resolution(_address_to_query(endpoint), endpoint.port, self._blocked_names())

    def _blocked_names(self) -> list[str]:
        """Return a name of the starter list that this room's policy closes, if there is one."""
        try:
            view = CurrentPolicy(self._settings, self._now).view_of_default_group()
        except HallpassError:
            return []
        found = (name for names in builtin_list.builtin_names().values() for name in names[:3])
        return [name for name in found if explain(view, name, RecordType.A, self._now()).verdict == "refused"][:1]

    def _upstreams(self) -> Iterator[CheckResult]:
        dns = self._settings.dns
        said = {key: words for one in self._healths() for key, words in one.details.items()}
        zones = [(".", dns.upstreams), *((f"{one.domain}.", one.upstreams) for one in dns.forward)]
        for zone, server in ((zone, server) for zone, servers in zones for server in servers):
            where = f"{server.host} ({server.transport})"
            try:
                seconds = _measure_upstream(server, zone)
            except OSError as failure:
                yield problem("upstream", f"{where}: {failure.strerror or failure}", _UPSTREAM_ADVICE)
                continue
            title = upstream_title(server)
            if words := said.get(f"upstream {title}"):
                yield problem("upstream", f"{title}: the resolver found that it {words}", _UPSTREAM_ADVICE)
            else:
                yield ok("upstream", f"{where} answers in {seconds * 1000:.0f} ms")

    def _pages(self) -> Iterator[CheckResult]:
        endpoint = self._settings.web.listen
        yield from resolution.check_pages(_address_to_query(endpoint), endpoint.port)
        if are_passwords_clear(self._settings):
            yield problem(
                "pages", "passwords cross this room's network in the clear", "docs/https.md says how to end it"
            )
        elif page_tls(self._settings) is None and self._settings.central is not None:
            yield ok("pages", "take no password without HTTPS: teachers sign in at central")
        elif self._settings.web.tls is None:
            yield unknown("pages", "without TLS; nobody signs in to a room that works alone")

    def _certificates(self) -> Iterator[CheckResult]:
        now, dns, web = self._now(), self._settings.dns.tls, page_tls(self._settings)
        if dns is not None and (listen := (*dns.listen, *dns.https)[:1]):
            host, port = _address_to_query(listen[0]), listen[0].port
            yield from check_certificate_files("the one of encrypted DNS", dns, host, port, now)
        if web is not None:
            host, port = _address_to_query(web.listen), web.listen.port
            yield from check_certificate_files("the pages'", web, host, port, now)

    def _clock(self) -> Iterator[CheckResult]:
        if any(Condition.CLOCK_DIFFERS in one.conditions for one in self._healths()):
            ahead = clock_difference.read_difference(self._paths.clock_difference)
            which = "behind" if ahead > 0 else "ahead of"
            yield problem(
                "clock",
                f"is {abs(ahead) / 60:.0f} minutes {which} central's",
                "which of them is wrong? A time server puts it right ([time] servers in hallpass.toml)",
            )
        if clock.is_clock_trusted():
            yield ok("clock", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self._now())))
        else:
            yield problem(
                "clock",
                "the time is not known yet; until then the strictest hours hold",
                "may this Pi reach a time server (UDP 123)? See [time] servers in hallpass.toml",
            )

    def _central(self) -> Iterator[CheckResult]:
        link = self._settings.central
        if link is None:
            yield unknown("central", "this room works alone")
            return
        yield from check_central_certificate(link, self._now())
        try:
            asyncio.run(_query_central(link, self._paths.identity))
        except CentralUnreachable as failure:
            if FOLLOWED_BY_LINKS in str(failure):  # the doctor has the token alone, and the agent the links
                yield ok("central", f"{link.url} knows this room")
                return
            yield problem(
                "central", f"cannot be reached: {failure}", f"is {link.url} right, and reachable from here?"
            )
        except CentralRejected as failure:
            yield problem(
                "central",
                f"does not know this room: {failure}",
                "if the room has another card by now, put this one away; else enrol it again, and copy the new "
                "hallpass.bundle",
            )
            if self._paths.page_certificate.exists():
                yield problem(
                    "pages",
                    "this card still has the key of the certificate that central gave for the pages",
                    "at central, Rooms, Certificates for rooms' pages: hand in one with another key; then flash "
                    "this card anew",
                )
        except HallpassError as failure:
            yield problem("central", str(failure), "run this as root: sudo hallpass doctor")
        else:
            yield ok("central", f"{link.url} knows this room")

    def _policy(self) -> Iterator[CheckResult]:
        if self._settings.central is None:
            yield unknown("policy", "the room's own")
            return
        version = installer.installed_policy_version(self._paths)
        if version:
            yield ok("policy", f"version {version} from central")
        else:
            yield problem("policy", "none has come from central yet: everything is closed", "see central, above")
        age = index_age.read_index_age(self._settings, self._paths, self._now())
        if age is None:
            yield problem(
                "lists", "none have come from central yet: the starter list is used", "see central, above"
            )
        elif age > index_age.STALE_SECONDS:
            yield problem("lists", f"are {age / DAY_SECONDS:.0f} days old", "look at central's page Lists")
        else:
            yield ok("lists", f"are {age / 3600:.0f} hours old")

    def check_said(self, found: Collection[str]) -> Iterator[CheckResult]:
        """Repeat what the room's processes say of themselves, each thing once: what no check has found by looking.

        `found`: the checks that found something wrong.
        """
        said = dict.fromkeys(
            (condition.row, one.details.get(condition.value, condition.row.words))
            for one in self._healths()
            for condition in one.conditions
            if condition.row.doctor_check not in found
        )
        for row, words in said:
            yield problem(row.doctor_check, words, row.remedy)

    def _log(self) -> Iterator[CheckResult]:
        limit = self._settings.log.megabytes
        try:
            control.send_control_request(
                self._paths.query_log_control_socket, control.FlushRequest(), control.FLUSH_TIMEOUT_SECONDS
            )
        except HallpassError as failure:
            yield problem("log", str(failure), "journalctl -u hallpass-recorder; is the data partition full?")
            return
        size = sum(_size(path) for path in self._paths.data.glob("log.*")) / 2**20
        yield ok("log", f"can be written; {size:.1f} of {limit} MB")

    def _lamp(self) -> Iterator[CheckResult]:
        if self._paths.simulated_lamp.exists():
            driver = self._settings.led.driver
            if driver == "simulated" or (driver == "auto" and not _is_a_pi()):
                yield ok("lamp", "simulated")
            else:
                yield problem(
                    "lamp", "the pin cannot be used", "journalctl -u hallpass-recorder; see [led] in hallpass.toml"
                )
            return
        yield ok("lamp", f"in use ({self._settings.led.driver}, pin {self._settings.led.pin})")


def _address_to_query(endpoint: Endpoint) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)  # noqa: S104 (recognised)


def _measure_upstream(server: UpstreamSetting, zone: str) -> float:
    """Ask a server a question about a zone, and judge the answer as the resolver does. Raises OSError."""
    if server.transport == "plain":
        response = query_server(server.host, server.port, zone, kind="NS" if zone == "." else "SOA")
        if response.rcode not in ANSWER_RCODES:
            raise OSError(f"answers with {rcode_name(response.rcode)}" + _in_brackets(response.explanation))
        return response.seconds
    began = time.perf_counter()
    with socket.create_connection((server.host, server.port), CONNECT_SECONDS):
        return time.perf_counter() - began


def _in_brackets(words: str) -> str:
    return f" ({words})" if words else ""


async def _query_central(link: CentralLink, identity_folder: Path) -> None:
    client = CentralClient(CentralConnection(link, identity_folder=identity_folder))
    try:
        await client.fetch_request_states()
    finally:
        await client.connection.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
