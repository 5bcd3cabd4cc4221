"""What can be asked of the audit, read from an address: what is no day is not asked for."""

from datetime import date, datetime, timedelta, tzinfo

from werkzeug.datastructures import MultiDict

from appliance.central.audit_search import AuditFilter

_MAX_LENGTH = 200
_MAX_NUMBER = 2**31 - 1


def read_filter(args: "MultiDict[str, str]", zone: tzinfo) -> AuditFilter:
    """Return what is asked for; days are the school's, and both of them included."""
    until = _read_day(args.get("until", ""), zone)
    return AuditFilter(
        person=args.get("person", "").strip()[:_MAX_LENGTH],
        kind=args.get("kind", "").strip()[:_MAX_LENGTH],
        since=_read_day(args.get("since", ""), zone),
        until=until + timedelta(days=1) if until else None,
        words=args.get("words", "").strip()[:_MAX_LENGTH],
    )


def read_number(args: "MultiDict[str, str]", name: str) -> int | None:
    """Return the number of an entry in an address, or None."""
    text = args.get(name, "")
    return min(int(text), _MAX_NUMBER) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _read_day(text: str, zone: tzinfo) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=zone) if 2000 <= day.year < 2200 else None
