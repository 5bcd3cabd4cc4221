"""How a school is, in numbers, for its trust: no names, and nothing of few people."""

from collections import Counter
from datetime import datetime, timedelta
from importlib import metadata

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import counts, policies, rooms
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.models import RequestRow
from appliance.central.school_identity import read_identity
from appliance.central.small_cells import suppress_parts, suppress_small
from appliance.central.trust_membership import find_membership
from appliance.trust_protocol import MAX_CATEGORIES, CategoryCell, SchoolNumbers

DAYS = 7
SILENT = timedelta(minutes=2)


def collect_numbers(session: Session, now: datetime) -> SchoolNumbers:
    """Return how the school is now; answers and refusals are those of the last seven days."""
    published = policies.latest_publication(session)
    index = published.hash if published is not None else ""
    found = rooms.list_rooms(session)
    heard = [room for room in found if room.last_seen is not None and now - room.last_seen <= SILENT]
    categories, answers = _sum_week(session, now)
    refused = sum(categories.values())
    most_refused = categories.most_common(MAX_CATEGORIES)
    parts = suppress_parts([count for _, count in most_refused])
    membership = find_membership(session)
    waiting = select(func.count()).select_from(RequestRow).where(RequestRow.state == "waiting")
    open_incidents = select(func.count()).select_from(IncidentGroupRow).where(IncidentGroupRow.state != "closed")
    return SchoolNumbers(
        version=metadata.version("hallpass"),
        timezone=read_identity(session).timezone,
        rooms=len(found),
        rooms_in_step=sum(rooms.is_in_step(room, index) for room in heard),
        rooms_silent=len(found) - len(heard),
        answers=suppress_small(answers),
        refused=suppress_small(refused),
        refused_by_category=tuple(
            CategoryCell(category=(category or "no category")[:64], refused=count)
            for (category, _), count in zip(most_refused, parts, strict=True)
        ),
        requests_waiting=suppress_small(session.scalar(waiting) or 0),
        incidents_open=suppress_small(session.scalar(open_incidents) or 0),
        lists_built_at=published.built_at if published is not None else None,
        document=membership.digest if membership is not None else "",
    )


def _sum_week(session: Session, now: datetime) -> tuple[Counter[str], int]:
    """Return the refusals of each category, and how many answers there were."""
    sums = counts.sum_by_category(session, now - timedelta(days=DAYS), now + timedelta(hours=1))
    refused = {category: count for (verdict, category), count in sums.items() if verdict == "refused" and count}
    return Counter(refused), sums.total()
