"""For how long something is: in one way on all pages, as people say it."""

from flask import Flask
from flask_babel.speaklater import LazyString

from webui.shared.translation import gettext, ngettext

_HOUR, _DAY = 60, 24 * 60
_AS_MINUTES = 2 * _HOUR  # below which what is no whole hour is said in minutes, as a lesson is: 90 minutes


def describe_duration(minutes: int) -> str:
    """Return a number of minutes in words: 50 minutes, 1 hour, 90 minutes, 2 hours 30 minutes, 2 days."""
    if minutes and minutes % _DAY == 0:
        return ngettext("%(num)s day", "%(num)s days", minutes // _DAY)
    hours, rest = divmod(minutes, _HOUR)
    if hours and not rest:
        return ngettext("%(num)s hour", "%(num)s hours", hours)
    if minutes < _AS_MINUTES:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    return gettext(
        "%(hours)s %(minutes)s", hours=describe_duration(hours * _HOUR), minutes=describe_duration(rest)
    )


def lazy_duration(minutes: int) -> LazyString:
    """Return a duration that is written once the language of the page is known: for forms."""
    return LazyString(describe_duration, minutes)


def install_durations(app: Flask) -> None:
    """Give an application's templates the filter for durations."""
    app.jinja_env.filters["duration"] = describe_duration
