"""Mail that waits to be handed in to the school's mail server: kept in a table, in the transaction of its cause.

A service that has something to tell calls `enqueue`, and knows no mail server; `appliance.central.mail_sender`
sends what waits, and tries again while the server is away. A row is one mail to one address: no recipient sees
another. Mail crosses servers that are not the school's, so a text names no person, no device and no site; it leads
to a page.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import audit, outbox_queue
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import MailRow, UserRow
from appliance.control_characters import escape_control_characters
from appliance.protocol import normalize_username
from appliance.settings.values import is_mail_address

MAX_AGE = timedelta(days=3)  # what could not be sent for so long is given up: by then a page has said it
KEPT_DAYS = 30  # that a mail was sent, without its text
FAILING_AFTER = timedelta(minutes=30)
MAX_SUBJECT_LENGTH = 200
MAX_TEXT_LENGTH = 20_000

log = logging.getLogger("hallpass.central")


class MailStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with mail."""

    waiting: int
    oldest: datetime | None  # since when the one that waits longest has waited
    is_failing: bool  # for so long that somebody should look
    last_sent: datetime | None
    error: str  # of the last try of one that waits or was given up lately; "": none


def enqueue(
    session: Session,
    recipients: Iterable[str],
    subject: str,
    text: str,
    now: datetime,
    *,
    not_before: datetime | None = None,
) -> int:
    """Keep a mail to each address until it is sent, and return to how many it goes.

    An address that is none gets nothing, and never keeps the others from theirs. A subject is one line.
    """
    addresses = sorted({one for one in recipients if is_mail_address(one)})
    line = escape_control_characters(" ".join(subject.split()))[:MAX_SUBJECT_LENGTH]
    for address in addresses:
        session.add(
            MailRow(
                recipient=address, subject=line, text=text[:MAX_TEXT_LENGTH], queued_at=now, tries=0, error="",
                next_try_at=now if not_before is None else max(now, not_before),
            )
        )  # fmt: skip
    return len(addresses)


def count_recent_mails(session: Session, since: datetime, subjects: Iterable[str]) -> dict[str, int]:
    """Return to which addresses mails of some subjects went since a moment, or wait, and how many."""
    recent = select(MailRow.recipient, func.count()).where(
        MailRow.queued_at > since, MailRow.subject.in_(list(subjects))
    )
    return {address: count for address, count in session.execute(recent.group_by(MailRow.recipient))}  # noqa: C416 (rows are no pairs to mypy)


def set_mail_address(session: Session, now: datetime, *, username: str, address: str, by: str) -> None:
    """Say where notices for an account go; "": nowhere. Raises NotFound or NotPossible."""
    address = address.strip()
    if address and not is_mail_address(address):
        raise NotPossible(f"{escape_control_characters(address)[:80]!r} is no mail address")
    user = session.get(UserRow, normalize_username(username))
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    if user.email != address:
        user.email = address
        audit.record_audit(session, now, by, "mail address changed", user.username)


def read_mail_status(session: Session, now: datetime) -> MailStatus:
    """Return how it stands with mail."""
    waiting = select(MailRow).where(MailRow.next_try_at.is_not(None)).subquery()
    count, oldest = session.execute(select(func.count(), func.min(waiting.c.queued_at)).select_from(waiting)).one()
    due = session.scalar(
        select(func.min(MailRow.queued_at)).where(MailRow.next_try_at.is_not(None), MailRow.error != "")
    )
    given_up = session.scalar(
        select(func.max(MailRow.queued_at)).where(MailRow.next_try_at.is_(None), MailRow.sent_at.is_(None))
    )
    last_sent = session.scalar(select(func.max(MailRow.sent_at)))
    error = session.scalar(
        select(MailRow.error)
        .where(MailRow.error != "", MailRow.sent_at.is_(None))
        .order_by(MailRow.id.desc())
        .limit(1)
    )
    lost = given_up is not None and (last_sent is None or last_sent < given_up)
    return MailStatus(
        waiting=count,
        oldest=oldest,
        is_failing=lost or (due is not None and now - due >= FAILING_AFTER),
        last_sent=last_sent,
        error=error or "",
    )


def take_due_mails(session: Session, now: datetime, *, limit: int, claim: timedelta) -> list[MailRow]:
    """Return what is to be sent now. No other sender takes it within `claim`; whoever dies with it loses nothing.

    What has waited for `MAX_AGE` is given up.
    """
    taken, given_up = outbox_queue.take_due(session, MailRow, now, limit=limit, claim=claim, max_age=MAX_AGE)
    for mail in given_up:
        log.error("a mail was given up after %d tries: %s", mail.tries, mail.error or "no mail server was set")
    return taken


def has_due_mails(session: Session, now: datetime) -> bool:
    """Tell whether anything is to be sent now."""
    return outbox_queue.has_due(session, MailRow, now)


def mark_sent(session: Session, now: datetime, mail_id: int) -> None:
    """Say that a mail was handed in. Its text is forgotten."""
    outbox_queue.mark_sent(session, MailRow, now, mail_id)


def mark_failed(
    session: Session, mail_id: int, *, error: str, next_try_at: datetime, was_tried: bool = True
) -> None:
    """Say that a mail could not be handed in, and when to try again."""
    outbox_queue.mark_failed(
        session, MailRow, (mail_id,), error=error, next_try_at=next_try_at, was_tried=was_tried
    )


def prune_mails(session: Session, now: datetime) -> None:
    """Forget what was sent or given up long ago."""
    outbox_queue.prune(session, MailRow, now - timedelta(days=KEPT_DAYS))
