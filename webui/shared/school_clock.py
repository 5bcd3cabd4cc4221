"""Times as people read them, on the school's clock: the only place where pages turn a moment into words."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from flask import Flask, current_app


class SchoolClock:
    """The school's clock. Moments come with a zone; what it says is in the school's."""

    def __init__(
        self, zone: Callable[[], tzinfo], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._zone = zone
        self._now = now

    @property
    def zone(self) -> tzinfo:
        """The school's time zone."""
        return self._zone()

    def local(self, moment: datetime) -> datetime:
        """Return a moment on the school's clock."""
        return moment.astimezone(self._zone())

    def moment(self, shown: datetime) -> datetime:
        """Return the moment at which the school's clock shows a time (without zone); of two, the earlier one.

        Raises ValueError for a time that it leaves out when the clocks go forward.
        """
        moment = shown.replace(tzinfo=self._zone(), fold=0).astimezone(UTC)
        if moment.astimezone(self._zone()).replace(tzinfo=None, fold=0) != shown:
            raise ValueError("the clocks go forward at that time: there is no such hour on that day")
        return moment

    def midnight(self) -> datetime:
        """Return when the school's day began."""
        return self.local(self._now()).replace(hour=0, minute=0, second=0, microsecond=0)

    def words(self, moment: datetime, *, seconds: bool = False) -> str:
        """Return a moment in words: the time alone where it is today, with its day else."""
        local = self.local(moment)
        time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        day = self._day_words(local)
        return f"{day}, {time}" if day else time

    def day(self, moment: datetime) -> str:
        """Return the day of a moment, with its year."""
        local = self.local(moment)
        return f"{local.day} {local:%B %Y}"

    def _day_words(self, local: datetime) -> str:
        today = self.local(self._now()).date()
        days = (local.date() - today).days
        near = {0: "", 1: "tomorrow", -1: "yesterday"}.get(days)
        if near is not None:
            return near
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local:%A} {local.day} {local:%B}{year}"


def install_school_clock(app: Flask, clock: SchoolClock) -> None:
    """Give an application's templates the filters `moment`, `moment_seconds` and `day`."""
    app.extensions["school-clock"] = clock
    app.jinja_env.filters["moment"] = clock.words
    app.jinja_env.filters["moment_seconds"] = lambda moment: clock.words(moment, seconds=True)
    app.jinja_env.filters["day"] = clock.day


def school_clock() -> SchoolClock:
    """Return the clock of the application that answers."""
    clock: SchoolClock = current_app.extensions["school-clock"]
    return clock
