"""The school's name and clock: two of its settings (`appliance.central.school_settings`), which everything shows.

A new central begins with those of central.toml; from then on what is set in the database holds. A name or zone
that stands there already is left alone by the checks: an older central took more.
"""

import difflib
from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central.models import SchoolRow
from appliance.central.store import Store
from appliance.control_characters import find_control_character

MAX_NAME_LENGTH = 100  # characters
_QUOTED = 40  # characters of what was written that are said back
_NEAR = 3  # zones that are suggested


class SchoolIdentity(msgspec.Struct, frozen=True):
    """How the school is called, and what its clock follows."""

    name: str
    timezone: str  # of the IANA database

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone."""
        return ZoneInfo(self.timezone)


class IdentityReader:
    """Says how the school is called now; while the database cannot be asked, how it was called last."""

    def __init__(self, store: Store, first: SchoolIdentity) -> None:
        """`first`: what holds until the database has been asked once."""
        self._store = store
        self._last = first

    def current(self) -> SchoolIdentity:
        """Return the school's name and time zone, as they are set."""
        try:
            with self._store.read_session() as session:
                self._last = read_identity(session)
        except SQLAlchemyError:
            pass  # pages that tell people so are pages of this school too
        return self._last


def read_identity(session: Session) -> SchoolIdentity:
    """Return the school's name and time zone. Raises what SQLAlchemy raises."""
    return SchoolIdentity(*session.execute(select(SchoolRow.name, SchoolRow.timezone)).one())


def tidy_name(written: str) -> str:
    """Return a name without spaces around it, and with one between its words."""
    return " ".join(word for word in written.split(" ") if word)


def name_errors(name: str) -> Iterator[str]:
    """Say what keeps a text from being the name of a school."""
    if found := find_control_character(name):
        yield f"the school's name holds a character that no name has ({found})"
    elif not any(character.isalnum() for character in name):
        yield "the school needs a name"
    if len(name) > MAX_NAME_LENGTH:
        yield f"the school's name has at most {MAX_NAME_LENGTH} characters"


def timezone_errors(timezone: str) -> Iterator[str]:
    """Say what keeps a text from being a time zone, and which was perhaps meant."""
    if timezone in available_timezones():
        return
    near = near_timezones(timezone)
    quoted = "" if find_control_character(timezone) else f" {timezone[:_QUOTED]!r}"
    meant = f"did you mean {' or '.join(near)}?" if near else "one is called Europe/London, for example"
    yield f"there is no time zone{quoted}: {meant}"


def near_timezones(written: str) -> list[str]:
    """Return the time zones that somebody may have meant, the likeliest first: by place, or by spelling."""
    wanted = written[: 2 * _QUOTED].strip().lower().replace(" ", "_")
    by_name = {zone.lower(): zone for zone in list_timezones()}
    by_place: dict[str, list[str]] = {}
    for zone in list_timezones():
        by_place.setdefault(zone.lower().rpartition("/")[2], []).append(zone)
    place = wanted.rpartition("/")[2]
    found = [by_name[wanted]] if wanted in by_name else by_place.get(place, [])
    if not found:
        found = [by_name[one] for one in difflib.get_close_matches(wanted, by_name, _NEAR, cutoff=0.85)]
    if not found:
        near = difflib.get_close_matches(place, by_place, _NEAR, cutoff=0.75)
        found = [zone for one in near for zone in by_place[one]]
    return found[:_NEAR]


@cache
def list_timezones() -> tuple[str, ...]:
    """Return the time zones that are named by a place, sorted."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))
