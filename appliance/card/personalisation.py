"""One room's settings and enrolment onto a card: worked out and checked whole before anything is written.

Comments and order of the card's ``hallpass.toml`` stay as they are (tomlkit); the keys that were asked for are
set. What comes out is checked as the card itself will check it.
"""

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from appliance.card import enrolment_file
from appliance.card.boot_partition import BootFiles
from appliance.card.config_choice import check_card_table
from appliance.card.enrolment_file import EnrolmentFile, EnrolmentFileInvalid
from appliance.card.network_contradictions import find_contradictions, find_crossings, find_overlaps
from appliance.card.paths import ENROLMENT_NAME, CardPaths
from appliance.card.settings import CardNetwork, CardSettings
from appliance.card.system_files import host_name
from appliance.errors import HallpassError
from appliance.settings.load import SettingsInvalid

SETTINGS_NAME = "hallpass.toml"

# Columns that may be called by less than their key.
SHORT_KEYS = {
    "address": "network.address",
    "gateway": "network.gateway",
    "address6": "network.address6",
    "gateway6": "network.gateway6",
    "upstreams": "dns.upstreams",
    "language": "web.language",
}
_LIST_KEYS = frozenset(
    {"dns.upstreams", "dns.clients", "dns.own_names", "time.servers", "ssh.keys", "policy.closed"}
)


class PersonalisationError(HallpassError):
    """What was asked for cannot be written: every mistake, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f"nothing was written: {self.problems[0]}")
            return
        listed = "\n".join(f"  {one}" for one in self.problems)
        super().__init__(f"nothing was written: {len(self.problems)} mistakes\n{listed}")


class PersonalisationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one card shall say."""

    where: str  # for people: "rooms.csv line 3", or ""
    room: str
    enrolment: Path | None = None
    values: dict[str, str] = {}  # "network.address": as it was typed


class PersonalisedCard(msgspec.Struct, frozen=True, kw_only=True):
    """One card, ready to be written."""

    room: str
    settings: bytes
    enrolment: bytes | None  # to be written; None: what is there, if anything, stays
    checked: CardSettings = CardSettings()
    enrolled_with: EnrolmentFile | None = None  # the one that is written, or that is there

    @property
    def network(self) -> CardNetwork:
        """What it says of the cable."""
        return self.checked.network

    @property
    def host_name(self) -> str:
        """The machine's name, which also names its image."""
        return host_name(self.room)

    def write_boot_files(self, boot: BootFiles) -> None:
        """Write the card's files."""
        boot.write_file(SETTINGS_NAME, self.settings)
        if self.enrolment is not None:
            boot.write_file(ENROLMENT_NAME, self.enrolment)


def prepare_cards(
    requests: Iterable[PersonalisationRequest], template: bytes, present: bytes | None = None
) -> list[PersonalisedCard]:
    """Return the cards for some rooms, made from an image's own settings file. Raises NotPersonalised.

    `present` is the enrolment that is there already: it stays where a room brings none, and has to be its own.
    """
    cards, problems = [], []
    seen: dict[str, str] = {}
    gateways: dict[str, str] = {}
    before: dict[str, CardSettings] = {}
    made: list[tuple[PersonalisationRequest, str, PersonalisedCard]] = []
    for request in requests:
        found: list[str] = []
        enrolment = _read_enrolment(request, present, found)
        card = _prepare_card(request, template, enrolment, found)
        if card is not None:
            called = f"{card.room}{f' ({request.where})' if request.where else ''}"
            marks = {card.host_name: f"the host name {card.host_name}", **_unique_values(card, enrolment)}
            found += [f"{words} is also that of {seen[mark]}" for mark, words in marks.items() if mark in seen]
            found += _crossed_gateways(card, seen, gateways)
            found += find_overlaps(card.checked, before)
            seen |= dict.fromkeys(marks, called)
            gateways |= dict.fromkeys(_gateways(card), called)
            before[called] = card.checked
            cards.append(card)
            made.append((request, called, card))
        problems += _with_place(request, found)
    for request, called, card in made:
        problems += _with_place(request, find_crossings(called, card.checked, card.enrolled_with, before))
    if problems:
        raise PersonalisationError(problems)
    return cards


def _with_place(request: PersonalisationRequest, found: Iterable[str]) -> list[str]:
    return [f"{request.where}: {problem}" if request.where else problem for problem in found]


def read_request_csv(path: Path) -> list[PersonalisationRequest]:
    """Read rooms from a table with a line of headings: room, bundle, and settings. Raises NotPersonalised."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise PersonalisationError([f"{path}: cannot be read: {problem.strerror}"]) from None
    except UnicodeDecodeError:
        raise PersonalisationError([f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'"]) from None
    head = text.partition("\n")[0]
    # Excel separates by semicolons where commas are decimal.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        headings = [heading.strip() for heading in next(rows, [])]
        if "room" not in headings:
            raise PersonalisationError(
                [f"{path.name} line 1: there is no column 'room'; the first line names columns"]
            )
        lines = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as problem:
        raise PersonalisationError([f"{path.name} line {rows.line_num}: {problem}"]) from None
    problems = [
        f"{path.name} line {number}: has {len(row)} cells, but there are {len(headings)} columns"
        for number, row in lines
        if len(row) != len(headings)
    ]
    if problems:
        raise PersonalisationError(problems)
    if not lines:
        raise PersonalisationError([f"{path.name}: names no room"])
    return [_request_from_row(path, number, dict(zip(headings, row, strict=True))) for number, row in lines]


def _request_from_row(path: Path, number: int, row: Mapping[str, str]) -> PersonalisationRequest:
    cells = {key: cell.strip() for key, cell in row.items() if cell.strip()}
    enrolment = cells.pop("bundle", "")
    return PersonalisationRequest(
        where=f"{path.name} line {number}",
        room=cells.pop("room", ""),
        enrolment=path.parent / enrolment if enrolment else None,
        values={SHORT_KEYS.get(key, key): cell for key, cell in cells.items()},
    )


def _read_enrolment(
    request: PersonalisationRequest, present: bytes | None, problems: list[str]
) -> tuple[bytes, EnrolmentFile] | None:
    if request.enrolment is None:
        return _check_present_enrolment(request, present, problems)
    try:
        content = request.enrolment.read_bytes()
        enrolment = enrolment_file.decode_enrolment(content)
    except OSError as problem:
        problems.append(f"{request.enrolment}: cannot be read: {problem.strerror}")
        return None
    except EnrolmentFileInvalid as problem:
        problems.append(f"{request.enrolment}: {problem}")
        return None
    if request.room and enrolment.room != request.room:
        problems.append(f"{request.enrolment}: enrols {enrolment.room!r}, not {request.room!r}")
    return content, enrolment


def _check_present_enrolment(
    request: PersonalisationRequest, present: bytes | None, problems: list[str]
) -> tuple[bytes, EnrolmentFile] | None:
    if present is None:
        return None
    try:
        enrolment = enrolment_file.decode_enrolment(present)
    except EnrolmentFileInvalid as problem:
        problems.append(f"the {ENROLMENT_NAME} that is there {problem}; name this room's with --bundle")
        return None
    if request.room and enrolment.room != request.room:
        problems.append(
            f"the {ENROLMENT_NAME} that is there enrols {enrolment.room!r}, not {request.room!r}; "
            "name this room's with --bundle"
        )
    return present, enrolment


def _prepare_card(
    request: PersonalisationRequest,
    template: bytes,
    enrolment: tuple[bytes, EnrolmentFile] | None,
    problems: list[str],
) -> PersonalisedCard | None:
    room = request.room or (enrolment[1].room if enrolment else "")
    if not room:
        problems.append("the room has no name")
        return None
    try:
        settings = _edit_settings(template, {"room.name": room, **_parse_values(request.values)})
        own = enrolment[1] if enrolment and enrolment[1].room == room else None  # another room's was said already
        checked = check_card_table(tomllib.loads(settings), Path(SETTINGS_NAME), own, CardPaths())
    except SettingsInvalid as invalid:
        problems += invalid.problems
        return None
    except (TOMLKitError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        problems.append(f"the card's {SETTINGS_NAME} is not TOML: {problem}")
        return None
    except ValueError as problem:
        problems.append(str(problem))
        return None
    if contradictions := list(find_contradictions(checked, own)):
        problems += contradictions
        return None
    return PersonalisedCard(
        room=room,
        settings=settings.encode(),
        enrolment=enrolment[0] if enrolment and request.enrolment is not None else None,
        checked=checked,
        enrolled_with=own,
    )


def _edit_settings(template: bytes, values: Mapping[str, Any]) -> str:
    document = tomlkit.parse(template.decode("utf-8-sig").replace("\r\n", "\n"))
    for key, value in values.items():
        *sections, last = key.split(".")
        if not sections:
            raise ValueError(f"{key}: names no setting; write section.key, such as network.address")
        table: Any = document
        for section in sections:
            table = table.setdefault(section, tomlkit.table())
            if not isinstance(table, dict):
                raise ValueError(f"{key}: {section} is no section")  # noqa: TRY004 (what was typed is wrong)
        table[last] = value
    return tomlkit.dumps(document)


def _parse_values(values: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as what TOML makes of it: a number, a list; else text."""
    typed: dict[str, Any] = {}
    for key, text in values.items():
        try:
            typed[key] = tomllib.loads(f"value = {text}\n")["value"]
        except tomllib.TOMLDecodeError:
            typed[key] = text
        if key in _LIST_KEYS and isinstance(typed[key], str):
            typed[key] = [typed[key]] if key == "ssh.keys" else typed[key].replace(",", " ").split()
    return typed


def _unique_values(card: PersonalisedCard, enrolment: tuple[bytes, EnrolmentFile] | None) -> dict[str, str]:
    """Return what no two cards may share, each with words for it; addresses however they were written."""
    marks = {address: f"the address {address}" for address in card.network.own_addresses}
    if enrolment is not None:
        marks[enrolment[1].token] = "the token in its bundle"
    return marks


def _gateways(card: PersonalisedCard) -> list[str]:
    return [one.text for one in (card.network.gateway, card.network.gateway6) if one is not None]


def _crossed_gateways(
    card: PersonalisedCard, seen: Mapping[str, str], gateways: Mapping[str, str]
) -> Iterator[str]:
    """Yield where one room's address is another's gateway."""
    for address in card.network.own_addresses:
        if address in gateways:
            yield f"the address {address} is the gateway of {gateways[address]}"
    for gateway in _gateways(card):
        if gateway in seen:
            yield f"the gateway {gateway} is the address of {seen[gateway]}"
