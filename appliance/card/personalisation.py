"""One room's settings and enrolment onto a card: worked out and checked whole before anything is written.

Comments and order of the card's ``hallpass.toml`` stay as they are (tomlkit); the keys that were asked for are
set. What comes out is checked as the card itself will check it.
"""

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from appliance.card import enrolment_file as bundles
from appliance.card.boot_partition import BootFiles
from appliance.card.config_choice import check
from appliance.card.enrolment_file import Bundle, BundleInvalid
from appliance.card.paths import Places
from appliance.card.system_files import host_name
from appliance.errors import HallpassError
from appliance.settings.load import SettingsInvalid

SETTINGS = "hallpass.toml"
BUNDLE = "hallpass.bundle"

# Columns that may be called by less than their key.
SHORT = {
    "address": "network.address",
    "gateway": "network.gateway",
    "address6": "network.address6",
    "gateway6": "network.gateway6",
    "upstreams": "dns.upstreams",
}
_LISTS = frozenset({"dns.upstreams", "dns.clients", "dns.own_names", "time.servers", "ssh.keys", "policy.closed"})


class NotPersonalised(HallpassError):
    """What was asked for cannot be written: every mistake, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__(f"nothing was written: {count}\n" + "\n".join(f"  {one}" for one in self.problems))


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What one card shall say."""

    where: str  # for people: "rooms.csv line 3", or ""
    room: str
    bundle: Path | None = None
    values: dict[str, str] = {}  # "network.address": as it was typed


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One card, ready to be written."""

    room: str
    settings: bytes
    bundle: bytes | None

    @property
    def host(self) -> str:
        """The machine's name, which also names its image."""
        return host_name(self.room)

    def write(self, boot: BootFiles) -> None:
        """Write the card's files."""
        boot.write(SETTINGS, self.settings)
        if self.bundle is not None:
            boot.write(BUNDLE, self.bundle)


def prepare(wishes: Iterable[Wish], template: bytes) -> list[Card]:
    """Return the cards for some rooms, made from an image's own settings file. Raises NotPersonalised."""
    cards, problems = [], []
    seen: dict[str, str] = {}
    for wish in wishes:
        found: list[str] = []
        bundle = _bundle(wish, found)
        card = _card(wish, template, bundle, found)
        if card is not None:
            marks = {card.host: f"the host name {card.host}", **_marks(wish, bundle)}
            found += [f"{words} is also that of {seen[mark]}" for mark, words in marks.items() if mark in seen]
            seen |= dict.fromkeys(marks, f"{card.room}{f' ({wish.where})' if wish.where else ''}")
            cards.append(card)
        problems += [f"{wish.where}: {problem}" if wish.where else problem for problem in found]
    if problems:
        raise NotPersonalised(problems)
    return cards


def read_csv(path: Path) -> list[Wish]:
    """Read rooms from a table with a line of headings: room, bundle, and settings. Raises NotPersonalised."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise NotPersonalised([f"{path}: cannot be read: {problem.strerror}"]) from None
    except UnicodeDecodeError:
        raise NotPersonalised([f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'"]) from None
    head = text.partition("\n")[0]
    # Excel separates by semicolons where commas are decimal.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        headings = [heading.strip() for heading in next(rows, [])]
        if "room" not in headings:
            raise NotPersonalised([f"{path.name} line 1: there is no column 'room'; the first line names columns"])
        lines = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as problem:
        raise NotPersonalised([f"{path.name} line {rows.line_num}: {problem}"]) from None
    problems = [
        f"{path.name} line {number}: has {len(row)} cells, but there are {len(headings)} columns"
        for number, row in lines
        if len(row) != len(headings)
    ]
    if problems:
        raise NotPersonalised(problems)
    if not lines:
        raise NotPersonalised([f"{path.name}: names no room"])
    return [_wish(path, number, dict(zip(headings, row, strict=True))) for number, row in lines]


def _wish(path: Path, number: int, row: Mapping[str, str]) -> Wish:
    cells = {key: cell.strip() for key, cell in row.items() if cell.strip()}
    bundle = cells.pop("bundle", "")
    return Wish(
        where=f"{path.name} line {number}",
        room=cells.pop("room", ""),
        bundle=path.parent / bundle if bundle else None,
        values={SHORT.get(key, key): cell for key, cell in cells.items()},
    )


def _bundle(wish: Wish, problems: list[str]) -> tuple[bytes, Bundle] | None:
    if wish.bundle is None:
        return None
    try:
        content = wish.bundle.read_bytes()
        bundle = bundles.decode(content)
    except OSError as problem:
        problems.append(f"{wish.bundle}: cannot be read: {problem.strerror}")
        return None
    except BundleInvalid as problem:
        problems.append(f"{wish.bundle}: {problem}")
        return None
    if wish.room and bundle.room != wish.room:
        problems.append(f"{wish.bundle}: enrols {bundle.room!r}, not {wish.room!r}")
    return content, bundle


def _card(wish: Wish, template: bytes, bundle: tuple[bytes, Bundle] | None, problems: list[str]) -> Card | None:
    room = wish.room or (bundle[1].room if bundle else "")
    if not room:
        problems.append("the room has no name")
        return None
    try:
        settings = _settings(template, {"room.name": room, **_typed(wish.values)})
        own = bundle[1] if bundle and bundle[1].room == room else None  # another room's was said already
        check(tomllib.loads(settings), Path(SETTINGS), own, Places())
    except SettingsInvalid as invalid:
        problems += invalid.problems
        return None
    except (TOMLKitError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        problems.append(f"the card's {SETTINGS} is not TOML: {problem}")
        return None
    except ValueError as problem:
        problems.append(str(problem))
        return None
    return Card(room=room, settings=settings.encode(), bundle=bundle[0] if bundle else None)


def _settings(template: bytes, values: Mapping[str, Any]) -> str:
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


def _typed(values: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as what TOML makes of it: a number, a list; else text."""
    typed: dict[str, Any] = {}
    for key, text in values.items():
        try:
            typed[key] = tomllib.loads(f"value = {text}\n")["value"]
        except tomllib.TOMLDecodeError:
            typed[key] = text
        if key in _LISTS and isinstance(typed[key], str):
            typed[key] = [typed[key]] if key == "ssh.keys" else typed[key].replace(",", " ").split()
    return typed


def _marks(wish: Wish, bundle: tuple[bytes, Bundle] | None) -> dict[str, str]:
    """Return what no two cards may share, each with words for it."""
    marks = {}
    for key in ("network.address", "network.address6"):
        if address := wish.values.get(key, "").partition("/")[0]:
            marks[address] = f"the address {address}"
    if bundle is not None:
        marks[bundle[1].token] = "the token in its bundle"
    return marks
