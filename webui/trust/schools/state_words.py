"""How it stands with a school, in the language of the page."""

from collections.abc import Collection
from datetime import datetime

from appliance.trust import schools
from appliance.trust.school_list import ListedSchool
from webui.shared.translation import gettext, ngettext


def describe_state(school: ListedSchool, now: datetime) -> str:
    """Return whether a school is in touch."""
    match school.state:
        case schools.REGISTERED:
            return gettext("has not joined yet")
        case schools.RETIRED:
            return gettext("was let go")
        case schools.REVOKED:
            return gettext("was revoked: it is answered nothing")
    if school.last_seen is None:
        return gettext("has joined, and was not seen since")
    if school.is_silent:
        hours = int((now - school.last_seen).total_seconds() // 3600)
        return ngettext("silent for %(num)s hour", "silent for %(num)s hours", hours)
    return gettext("in touch")


def describe_step(school: ListedSchool, behind: Collection[str]) -> str:
    """Return whether what the trust has laid down last holds at a school, by the school's own word."""
    if school.state != schools.ENROLLED:
        return ""
    if school.numbers is None:
        return gettext("has not said yet")
    return gettext("catching up") if school.id in behind else gettext("up to date")
