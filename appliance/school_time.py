"""Times as the school's clock shows them, whatever zone a machine keeps: for pages, commands, rooms, the audit."""

from datetime import UTC, datetime, tzinfo


def read_school_time(shown: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which a clock shows a time (without zone); of two, the earlier one.

    Raises ValueError for a time that it leaves out when the clocks go forward.
    """
    moment = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != shown:
        raise ValueError("the clocks go forward at that time: there is no such hour on that day")
    return moment


def find_midnight(now: datetime, zone: tzinfo) -> datetime:
    """Return when the day began of which it is now; at a later hour where it has no midnight."""
    began = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return began.astimezone(UTC).astimezone(zone)  # an hour that there is not equals none of another zone
