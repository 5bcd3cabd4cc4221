"""What can be set of one profile, as one value: compared, kept for an undo, and checked as a whole.

A timetable's row leaves out its days where it means the school's week, so that it follows when that changes.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any, Literal

import msgspec

from appliance.central.errors import NotPossible
from appliance.central.models import ProfileRow
from dns.policy.document import EVERY_CATEGORY, Clock, Weekday
from dns.policy.safe_search import ENGINES

MAX_NAME_LENGTH = 64
MAX_ROWS = 60  # of one timetable
MAX_ROW_NAME_LENGTH = 60

_encoder = msgspec.json.Encoder(order="deterministic")


class TimetableRow(msgspec.Struct, frozen=True, kw_only=True):
    """Some hours in which more is closed for a profile, or less; `end` not after `start`: over midnight."""

    start: Clock
    end: Clock  # not included; "24:00" is the end of the day
    name: str = ""
    days: tuple[Weekday, ...] = ()  # none: the school's week, or for `other-days` what is not in it either
    when: Literal["school-days", "other-days", "every-day"] = "school-days"
    closes: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a person sets of a profile."""

    name: str
    closed: tuple[str, ...] = ()
    safe_search: bool = False
    youtube: Literal["strict", "moderate", "off"] = "strict"
    safe_search_except: tuple[str, ...] = ()
    keywords: bool = False
    strip_ech: bool = False
    refusal: Literal["null", "nxdomain", "page"] = "null"
    timetable: tuple[TimetableRow, ...] = ()

    @property
    def revision(self) -> str:
        """What names these settings: another one after every change."""
        return hashlib.sha256(_encoder.encode(self)).hexdigest()[:16]

    @property
    def categories(self) -> frozenset[str]:
        """Every category that they name, always or at some hour."""
        by_hour = [name for row in self.timetable for name in (*row.closes, *row.opens)]
        return frozenset((*self.closed, *by_hour))


_FIELDS = tuple(ProfileSettings.__struct_fields__)


def read_settings(row: ProfileRow) -> ProfileSettings:
    """Return what is set of a profile."""
    return parse_settings({name: getattr(row, name) for name in _FIELDS})


def write_settings(row: ProfileRow, settings: ProfileSettings) -> None:
    """Set a profile as a whole."""
    for name, value in to_builtins(settings).items():
        setattr(row, name, value)


def parse_settings(found: dict[str, Any]) -> ProfileSettings:
    """Return settings of plain values. Raises NotPossible where they are none."""
    try:
        return msgspec.convert(found, ProfileSettings)
    except msgspec.ValidationError as problem:
        raise NotPossible(f"this is no profile: {problem}") from None


def to_builtins(settings: ProfileSettings) -> dict[str, Any]:
    """Return settings as JSON keeps them."""
    found: dict[str, Any] = msgspec.json.decode(_encoder.encode(settings))
    return found


def clean_name(written: str) -> str:
    """Return a profile's name as it is kept. Raises NotPossible for what is none."""
    name = re.sub(r"\s+", " ", unicodedata.normalize("NFC", written)).strip()
    if not name:
        raise NotPossible("a profile needs a name")
    if len(name) > MAX_NAME_LENGTH:
        raise NotPossible(f"a profile's name has at most {MAX_NAME_LENGTH} characters")
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        raise NotPossible("a profile's name has a character in it that nobody can see")
    return name


def check_settings(settings: ProfileSettings, known_categories: Collection[str]) -> None:
    """Refuse what no room could follow. Raises NotPossible with every mistake."""
    errors = [*_profile_errors(settings, known_categories)]
    if len(settings.timetable) > MAX_ROWS:
        errors.append(f"a timetable has at most {MAX_ROWS} rows")
    errors += [error for row in settings.timetable for error in row_errors(row)]
    if errors:
        raise NotPossible("; ".join(errors))


def row_errors(row: TimetableRow) -> Iterator[str]:
    """Return what is wrong with one row of a timetable."""
    where = f"the row {row.name or row.start!r}"
    if row.start == "24:00":
        yield f"{where} starts at 24:00: write 00:00, and the next day"
    if len(row.name) > MAX_ROW_NAME_LENGTH:
        yield f"the name of a row has at most {MAX_ROW_NAME_LENGTH} characters"
    if not row.closes and not row.opens:
        yield f"{where} closes nothing and opens nothing"
    for category in sorted({*row.closes} & {*row.opens}):
        yield f"{where} opens and closes {category.replace('_', ' ')} at once"
    if EVERY_CATEGORY in row.opens:
        yield f"{where} would open everything: name the categories"


def _profile_errors(settings: ProfileSettings, known_categories: Collection[str]) -> Iterator[str]:
    for category in sorted(settings.categories - {EVERY_CATEGORY} - {*known_categories}):
        yield f"there is no category {category!r}"
    for engine in sorted({*settings.safe_search_except} - ENGINES):
        yield f"there is no search engine {engine!r}"
