"""Ends the openings that a trust's lock has overtaken: what is listed as open must be open."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import unblocks
from appliance.central.errors import NotPossible
from appliance.central.models import UnblockRow
from appliance.central.trust_membership import ACTOR
from appliance.central.trust_policy import require_openable


def end_locked_openings(session: Session, now: datetime) -> list[str]:
    """End every opening of a name that the trust has locked, now or to come; return the sites."""
    ended = []
    for row in session.scalars(select(UnblockRow).where(UnblockRow.ended_at.is_(None), UnblockRow.until > now)):
        try:
            require_openable(session, (row.site, *row.also))
        except NotPossible:
            unblocks.end_unblock(session, now, unblock_id=row.id, by=ACTOR)
            ended.append(row.site)
    return ended
