"""Tells people of urgent incidents by mail, at once: the lead and deputy, of staff's the head alone.

A group makes one mail in a quarter of an hour: what comes meanwhile is told at its end. A mail says neither who
nor what nor where, only that something waits, and leads to the page.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import mail_outbox, mail_recipients
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.rights import Right

ALERT_EVERY = timedelta(minutes=15)
MAX_OF_ROOM = 10  # mails about groups of one room and kind within that time, whatever the room says
SUBJECT = "Hallpass: something waits for you"
_TEXT = """\
Something that should be looked at soon waits for you on Hallpass.

{where}

This message names nobody and says nothing of what happened; the page does, once you have signed in.
"""


def alert_people(session: Session, now: datetime, group: IncidentGroupRow, pages_url: str) -> int:
    """Have whoever handles the incidents of this group told; return to how many addresses."""
    not_before = now
    if group.alerted_at is not None:
        if group.alerted_at > now:
            return 0  # they will be told at that time
        not_before = max(now, group.alerted_at + ALERT_EVERY)
    if _count_alerts(session, now, group) >= MAX_OF_ROOM:
        return 0  # who was told so often within a quarter of an hour has the page open
    right = Right.HANDLE_STAFF_INCIDENTS if group.is_staff else Right.HANDLE_INCIDENTS
    recipients = mail_recipients.find_addresses(session, now, right)
    if not recipients:
        return 0
    group.alerted_at = not_before
    path = "staff-incidents" if group.is_staff else "incidents"
    where = f"{pages_url.rstrip('/')}/{path}/{group.id}" if pages_url else "Please open its page “Incidents”."
    return mail_outbox.enqueue(session, recipients, SUBJECT, _TEXT.format(where=where), now, not_before=not_before)


def _count_alerts(session: Session, now: datetime, group: IncidentGroupRow) -> int:
    """Return of how many groups like this one, of its room and kind, people were told lately, or will be."""
    alike = (IncidentGroupRow.room_id == group.room_id, IncidentGroupRow.kind == group.kind)
    lately = IncidentGroupRow.alerted_at > now - ALERT_EVERY
    return session.scalar(select(func.count()).select_from(IncidentGroupRow).where(*alike, lately)) or 0
