"""Times as people read them, on the school's clock: the only place where pages turn a moment into words."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from babel.dates import format_date
from flask import Flask, current_app
from flask_babel import get_locale

from appliance.school_time import find_midnight, read_school_time
from webui.shared.translation import gettext


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
        return read_school_time(shown, self._zone())

    def midnight(self) -> datetime:
        """Return when the school's day began."""
        return find_midnight(self._now(), self._zone())

    def words(self, moment: datetime, *, seconds: bool = False) -> str:
        """Return a moment in words: the time alone where it is today, with its day else."""
        local = self.local(moment)
        hour = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
        day = self._day_words(local)
        return gettext("%(day)s, %(time)s", day=day, time=hour) if day else hour

    def end(self, moment: datetime) -> str:
        """Return in words when something ends: at midnight it is the end of the day before."""
        local = self.local(moment)
        if local.time() != time():
            return self.words(moment)
        eve = local.date() - timedelta(days=1)
        if eve == self.local(self._now()).date():
            return gettext("the end of today")
        day = _write_date(eve, with_weekday=True, with_year=eve.year != self.midnight().year)
        return gettext("the end of %(day)s", day=day)

    def day(self, moment: datetime) -> str:
        """Return the day of a moment, with its year."""
        local = self.local(moment)
        return _write_date(local, with_weekday=False, with_year=True)

    def _day_words(self, local: datetime) -> str:
        today = self.local(self._now()).date()
        days = (local.date() - today).days
        near = {0: "", 1: gettext("tomorrow"), -1: gettext("yesterday")}.get(days)
        if near is not None:
            return near
        return _write_date(local, with_weekday=True, with_year=local.year != today.year)


def _write_date(local: date, *, with_weekday: bool, with_year: bool) -> str:
    """Return a date in the language of the page. English needs none of Babel's data, which is large."""
    locale = get_locale()
    if locale is None or locale.language == "en":
        weekday, year = f"{local:%A} " if with_weekday else "", f" {local.year}" if with_year else ""
        return f"{weekday}{local.day} {local:%B}{year}"
    pattern = ("EEEE " if with_weekday else "") + "d MMMM" + (" y" if with_year else "")
    return str(format_date(local, pattern, locale=locale))


def write_weekday_date(day: date, *, short: bool = False) -> str:
    """Return a day with its weekday and year, in the language of the page; `short`: its month as well."""
    locale = get_locale()
    if locale is None or locale.language == "en":
        return f"{day:%a} {day.day} {day:%b %Y}" if short else f"{day:%a} {day.day} {day:%B %Y}"
    return str(format_date(day, "EEE d MMM y" if short else "EEE d MMMM y", locale=locale))


def write_whole_date(day: date) -> str:
    """Return a day with its year, in the language of the page."""
    return _write_date(day, with_weekday=False, with_year=True)


def write_month(day: date) -> str:
    """Return the month of a day with its year, in the language of the page."""
    locale = get_locale()
    if locale is None or locale.language == "en":
        return f"{day:%B %Y}"
    return str(format_date(day, "LLLL y", locale=locale))


def install_school_clock(app: Flask, clock: SchoolClock) -> None:
    """Give an application's templates the filters for moments and days."""
    app.extensions["school-clock"] = clock
    app.jinja_env.filters["moment"] = clock.words
    app.jinja_env.filters["end"] = clock.end
    app.jinja_env.filters["moment_seconds"] = lambda moment: clock.words(moment, seconds=True)
    app.jinja_env.filters["day"] = clock.day
    app.jinja_env.filters["weekday_date"] = write_weekday_date
    app.jinja_env.filters["whole_date"] = write_whole_date
    app.jinja_env.filters["month"] = write_month


def school_clock() -> SchoolClock:
    """Return the clock of the application that answers."""
    clock: SchoolClock = current_app.extensions["school-clock"]
    return clock
