"""What a view is given of a script's call, and how it says what it found."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from appliance.central import audit, school_year
from appliance.central.errors import NotPossible
from appliance.central.service import Central


class SchoolCall:
    """A call of a script, within its session."""

    def __init__(self, central: Central, session: Session, *, by: str, owner: str, is_preview: bool) -> None:
        """`by`: who acts, the script; `owner`: who made its key. A preview keeps nothing of what it does."""
        self.central = central
        self.session = session
        self.now: datetime = central.now()
        self.by = by
        self.owner = owner
        self.is_preview = is_preview
        self.afterwards: list[Callable[[], None]] = []  # once everything is kept

    @property
    def zone(self) -> tzinfo:
        """Return the school's time zone."""
        return self.central.identity.current().zone

    def note(self, what: str, detail: str = "") -> None:
        """Write into the audit what is read."""
        audit.record_audit(self.session, self.now, self.by, what, detail)

    def build_lists(self) -> None:
        """Have the lists put together, once everything is kept."""
        self.afterwards.append(self.central.publisher.request_build)

    def end_of_day(self, day: str) -> datetime:
        """Return the end of a day by the school's clock. Raises NotPossible for what is no day."""
        return self.beginning_of(parse_day(day) + timedelta(days=1))

    def beginning_of(self, day: date) -> datetime:
        """Return when a day begins by the school's clock."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)


class Shaped:
    """A row of the database, with some attributes that are said in another way."""

    def __init__(self, row: object, **attributes: Any) -> None:
        self._row = row
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


def parse_day(text: str) -> date:
    """Return a day. Raises NotPossible."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise NotPossible(f"{text!r} is no day") from None
    if not school_year.FIRST_YEAR <= found.year <= school_year.LAST_YEAR:
        raise NotPossible(f"{text} is too far away")
    return found
