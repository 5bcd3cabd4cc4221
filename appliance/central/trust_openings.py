"""Ends the openings that a trust's lock has overtaken: what is listed as open must be open."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import unblocks
from appliance.central.models import UnblockRow
from appliance.central.trust_membership import ACTOR, read_kept_document
from appliance.central.trust_policy import find_locked_name


def end_locked_openings(session: Session, now: datetime) -> list[str]:
    """End every opening of a name that the trust has locked, now or to come; return the sites."""
    document = read_kept_document(session)
    if document is None:
        return []
    ended = []
    for row in session.scalars(select(UnblockRow).where(UnblockRow.ended_at.is_(None), UnblockRow.until > now)):
        if find_locked_name(document, (row.site, *row.also)) is not None:
            unblocks.end_unblock(session, now, unblock_id=row.id, by=ACTOR)
            ended.append(row.site)
    return ended
