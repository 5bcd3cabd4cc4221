"""What waits for whoever is signed in: on the page Home, and as a number in the title of every page.

So a tab behind others shows that something has come. Counted is what somebody's own rights let them settle.
"""

import msgspec
from flask_login import current_user
from sqlalchemy import Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.models import RequestRow, SiteReportRow
from appliance.central.service import Central
from appliance.rights import Right, Scope, has_right
from webui.shared.translation import ngettext, translatable_plural

_REQUESTS = select(func.count()).select_from(RequestRow).where(RequestRow.state == "waiting")
_REPORTS = select(func.count()).select_from(SiteReportRow).where(SiteReportRow.settled_by == "")
_NEW = select(func.count()).select_from(IncidentGroupRow).where(IncidentGroupRow.state == "new")
_INCIDENTS = _NEW.where(IncidentGroupRow.is_staff.is_(False))
_STAFF_INCIDENTS = _NEW.where(IncidentGroupRow.is_staff.is_(True))


class _Kind(msgspec.Struct, frozen=True):
    right: Right
    endpoint: str
    words: tuple[str, str]  # of one, and of several
    count: Select[int]


_KINDS = (
    _Kind(
        Right.DECIDE_REQUESTS,
        "requests.queue",
        translatable_plural("request to open a site", "requests to open a site"),
        _REQUESTS,
    ),
    _Kind(
        Right.HANDLE_REPORTS,
        "requests.queue",
        translatable_plural("site that a teacher wants closed", "sites that teachers want closed"),
        _REPORTS,
    ),
    _Kind(
        Right.HANDLE_INCIDENTS,
        "incidents.show",
        translatable_plural("incident to look at", "incidents to look at"),
        _INCIDENTS,
    ),
    _Kind(
        Right.HANDLE_STAFF_INCIDENTS,
        "staff_incidents.show",
        translatable_plural("incident of staff to look at", "incidents of staff to look at"),
        _STAFF_INCIDENTS,
    ),
)


class OpenTask(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one kind wait."""

    count: int
    words: str
    endpoint: str  # where they are settled


def list_open_tasks(central: Central) -> list[OpenTask]:
    """Return what waits for whoever is signed in."""
    roles = current_user.account.roles
    kinds = [kind for kind in _KINDS if has_right(roles, kind.right, Scope.SCHOOL)]
    with central.store.read_session() as session:
        counted = [(kind, session.scalar(kind.count) or 0) for kind in kinds]
    return [
        OpenTask(count=count, words=ngettext(*kind.words, count), endpoint=kind.endpoint)
        for kind, count in counted
        if count
    ]


def count_waiting(central: Central) -> int:
    """Return how much waits for whoever is signed in; 0 where the database cannot say."""
    try:
        return sum(one.count for one in list_open_tasks(central))
    except SQLAlchemyError:  # the page that says so has a title as well
        return 0
