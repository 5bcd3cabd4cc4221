"""The forms of timetables, terms and holidays: what somebody sent, as the services take it."""

from datetime import date
from typing import Any

import msgspec
from werkzeug.datastructures import MultiDict

from appliance.central.errors import NotPossible
from appliance.central.profile_settings import TimetableRow
from appliance.central.school_year import SpanKind
from dns.policy.document import Span

DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
WHEN = {
    "school-days": "on school days (in term, outside the holidays)",
    "other-days": "on days off (holidays, and weekdays without school)",
    "every-day": "all the year round",
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
        raise NotPossible("a row needs a beginning and an end, each as a time such as 12:30") from None


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
        raise NotPossible("a term or holiday needs its first and its last day") from None
