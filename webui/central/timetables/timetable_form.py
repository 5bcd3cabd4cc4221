"""The forms of timetables, terms and holidays: what somebody sent, as the services take it."""

from datetime import date
from typing import Any

import msgspec
from werkzeug.datastructures import MultiDict

from appliance.central.errors import NotPossible
from appliance.central.profile_settings import TimetableRow
from appliance.central.school_year import SpanKind
from dns.policy.document import Span
from webui.shared.translation import gettext, translatable, translate

DAYS = {
    "mon": translatable("Monday"),
    "tue": translatable("Tuesday"),
    "wed": translatable("Wednesday"),
    "thu": translatable("Thursday"),
    "fri": translatable("Friday"),
    "sat": translatable("Saturday"),
    "sun": translatable("Sunday"),
}
_SHORT_DAYS = {
    "mon": translatable("Mon"),
    "tue": translatable("Tue"),
    "wed": translatable("Wed"),
    "thu": translatable("Thu"),
    "fri": translatable("Fri"),
    "sat": translatable("Sat"),
    "sun": translatable("Sun"),
}
_WHEN_ALONE = {
    "school-days": translatable("school days"),
    "other-days": translatable("days off"),
    "every-day": translatable("every day"),
}
_WHEN_WITH_DAYS = {
    "school-days": translatable("%(days)s in term"),
    "other-days": translatable("%(days)s on days off"),
    "every-day": translatable("%(days)s"),
}
WHEN = {
    "school-days": translatable("on school days (in term, outside the holidays)"),
    "other-days": translatable("on days off (holidays, and weekdays without school)"),
    "every-day": translatable("all the year round"),
}


def sent_row(form: MultiDict[str, str]) -> TimetableRow:
    """Return the row of a timetable that was sent. Raises NotPossible."""
    end = form.get("end", "")
    found: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "start": form.get("start", "")[:5],
        "end": end[:5],
        "days": [day for day in DAYS if day in form.getlist("days")],
        "when": form.get("when", "school-days"),
        "closes": sorted({*form.getlist("closes")}),
        "opens": sorted({*form.getlist("opens")}),
    }
    try:
        return msgspec.convert(found, TimetableRow)
    except msgspec.ValidationError:
        raise NotPossible(
            translatable("a row needs a beginning and an end, each as a time such as 12:30")
        ) from None


def describe_row(row: TimetableRow) -> str:
    """Return a row in words of the page's language, without what it closes and opens."""
    days = gettext(", ").join(translate(words) for day, words in _SHORT_DAYS.items() if day in row.days)
    when = translate(_WHEN_WITH_DAYS[row.when]) % {"days": days} if days else translate(_WHEN_ALONE[row.when])
    values = {"when": when, "start": row.start, "end": row.end}
    if row.end <= row.start:
        words = gettext("%(when)s, %(start)s to %(end)s the next day", **values)
    else:
        words = gettext("%(when)s, %(start)s to %(end)s", **values)
    return f"{row.name}: {words}" if row.name else words


def sent_span(form: MultiDict[str, str]) -> tuple[SpanKind, Span]:
    """Return the term or holiday that was sent. Raises NotPossible."""
    kind: SpanKind = "holidays" if form.get("kind") == "holidays" else "terms"
    return kind, Span(
        name=form.get("name", "").strip(), first=_day(form.get("first", "")), last=_day(form.get("last", ""))
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotPossible(translatable("a term or holiday needs its first and its last day")) from None
