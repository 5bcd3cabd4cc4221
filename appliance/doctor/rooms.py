"""Many rooms, looked at across the network at once: named by hand, in a table, or in central's list."""

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from appliance.card.system_files import host_name
from appliance.central import rooms, service
from appliance.central.page_keys_left import list_left_keys
from appliance.doctor import resolution
from appliance.doctor.certificates import check_served_certificate
from appliance.doctor.check_result import CheckResult, ok, problem, run_check
from appliance.errors import HallpassError
from appliance.room.conditions import describe_condition
from appliance.settings.central import CentralSettings
from appliance.settings.values import is_host_name

AT_ONCE = 16
SILENT_SECONDS = 1200.0  # a room says how it is every ten minutes


class RoomPorts(msgspec.Struct, frozen=True):
    """Where a room serves what."""

    dns: int = 53
    web: int = 80
    tls: int = 853
    https: int = 443


class RemoteRoom(msgspec.Struct, frozen=True):
    """A room across the network."""

    host: str
    name: str = ""  # as people call it
    ports: RoomPorts = RoomPorts()
    known: tuple[CheckResult, ...] = ()  # what central has heard of it


class RoomReport(msgspec.Struct, frozen=True):
    """What was found of one room."""

    room: str
    host: str
    findings: tuple[CheckResult, ...]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """What is wrong with it."""
        return tuple(one for one in self.findings if one.state == "problem")


def read_host(text: str) -> str:
    """Return the address or the host name that a person wrote. Raises ValueError."""
    try:
        host = text.removeprefix("[").removesuffix("]").removesuffix(".").encode("idna").decode()
    except UnicodeError:
        host = ""
    if not is_host_name(host):
        raise ValueError(f"{text!r} is no address and no host name")
    return host


def check_remote_room(room: RemoteRoom, now: Callable[[], float] = time.time) -> Iterator[CheckResult]:
    """Look at one room, as a device in it would."""
    host, ports = room.host, room.ports
    yield from run_check("DNS", partial(resolution.check_resolution, host, ports.dns))
    yield from run_check("pages", partial(resolution.check_pages, host, ports.web, now()))
    for whose, port in (("the one of DNS over TLS", ports.tls), ("the pages' (or DNS over HTTPS)", ports.https)):
        yield from run_check("certificate", partial(check_served_certificate, whose, host, port, now()))
    yield from room.known


def check_rooms(
    remote: Iterable[RemoteRoom], on_done: Callable[[RoomReport], None] = lambda _report: None
) -> list[RoomReport]:
    """Look at rooms, several at once; return what was found in their order, and tell of each as it is done."""
    listed = list(remote)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = {
            pool.submit(lambda room: tuple(check_remote_room(room)), room): at for at, room in enumerate(listed)
        }
        reports: dict[int, RoomReport] = {}
        for done in as_completed(under_way):
            at = under_way[done]
            reports[at] = RoomReport(listed[at].name or listed[at].host, listed[at].host, done.result())
            on_done(reports[at])
    return [reports[at] for at in range(len(listed))]


def read_room_csv(path: Path, ports: RoomPorts) -> list[RemoteRoom]:
    """Read rooms from a table with a line of headings, such as the one the cards were made from.

    It needs `address` (its network behind a slash is ignored) or `host`; `room` is shown; `port`, `web-port`,
    `tls-port` and `https-port` are where they are unusual. Raises HallpassError with every mistake.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as failure:
        raise HallpassError(f"{path}: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise HallpassError(f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'") from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    found: list[RemoteRoom] = []
    mistakes: list[str] = []
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter), 2):
            cells = {
                (key or "").strip(): (cell or "").strip() for key, cell in row.items() if isinstance(cell, str)
            }
            try:
                found.append(_room_from_cells(cells, ports))
            except ValueError as mistake:
                mistakes.append(f"{path.name} line {number}: {mistake}")
    except csv.Error as failure:
        mistakes.append(f"{path.name}: {failure}")
    if not found and not mistakes:
        mistakes.append(f"{path.name}: names no room")
    if mistakes:
        raise HallpassError("\n".join(mistakes))
    return found


def list_central_rooms(settings: CentralSettings, domain: str, ports: RoomPorts) -> list[RemoteRoom]:
    """Return central's rooms, each at its host name below a domain (`local`: as the cards announce it)."""
    central = service.open_central(settings)
    try:
        with central.store.read_session() as session:
            now = central.now()
            return [
                RemoteRoom(
                    f"{host_name(row.name)}.{domain.strip('.')}",
                    row.name,
                    ports,
                    tuple(_heard(row.last_seen, row.health or {}, now)),
                )
                for row in rooms.list_rooms(session)
            ]
    finally:
        central.store.close()


def check_central(settings: CentralSettings) -> tuple[CheckResult, ...]:
    """Return what is wrong at central with something that is no room's in use: keys on cards that ended."""
    central = service.open_central(settings)
    try:
        with central.store.read_session() as session:
            return tuple(
                problem(
                    "certificate",
                    f"the card of {one.room} ({one.state}) still has the key of the certificate for {one.pages}",
                    "hand in one with another key (hallpass central pages hand-in), and have this one revoked "
                    "where it was made",
                )
                for one in list_left_keys(session)
            )
    finally:
        central.store.close()


def _heard(last_seen: datetime | None, said: dict[str, object], now: datetime) -> Iterator[CheckResult]:
    what = "central"
    if last_seen is None:
        yield problem(what, "has never heard of this room", "is the enrolment (hallpass.bundle) on its card?")
        return
    seconds = (now - last_seen).total_seconds()
    if seconds > SILENT_SECONDS:
        yield problem(
            what, f"has not heard of this room for {seconds / 3600:.1f} hours", "can the Pi reach central?"
        )
    else:
        yield ok(what, f"heard of this room just now; it runs Hallpass {said.get('version', '?')}")
    conditions = said.get("conditions")
    for value in conditions if isinstance(conditions, list) else ():
        name, words = describe_condition(str(value))
        yield problem(what, f"the room said: {words or name}", "on the Pi: hallpass doctor")


def _room_from_cells(cells: dict[str, str], ports: RoomPorts) -> RemoteRoom:
    host = (cells.get("address") or cells.get("host") or "").partition("/")[0]
    if not host:
        raise ValueError("there is no address (column address or host)")
    return RemoteRoom(
        read_host(host),
        cells.get("room", ""),
        RoomPorts(
            *(
                _port(cells.get(column, ""), default)
                for column, default in (
                    ("port", ports.dns),
                    ("web-port", ports.web),
                    ("tls-port", ports.tls),
                    ("https-port", ports.https),
                )
            )
        ),
    )


def _port(cell: str, default: int) -> int:
    if not cell:
        return default
    if not cell.isdecimal() or not 0 < int(cell) < 65536:
        raise ValueError(f"{cell!r} is no port")
    return int(cell)
