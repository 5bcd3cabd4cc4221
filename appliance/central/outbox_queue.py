"""What both outboxes (mail, webhooks) do with their rows: a row waits, is taken by one sender, and tried again.

A row is made in the transaction of its cause. Whoever takes one claims it for a while, so that no other sender
has it meanwhile and whoever dies with it loses nothing. Its text is forgotten once it is delivered or given up.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central.models import OutboxRow
from appliance.control_characters import escape_control_characters

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
MAX_ERROR_LENGTH = 500

Row = TypeVar("Row", bound=OutboxRow)


def has_due(session: Session, kind: type[Row], now: datetime) -> bool:
    """Tell whether anything is to be delivered now."""
    due = select(kind.id).where(kind.next_try_at.is_not(None), kind.next_try_at <= now).limit(1)
    return session.scalar(due) is not None


def take_due(
    session: Session, kind: type[Row], now: datetime, *, limit: int, claim: timedelta, max_age: timedelta
) -> tuple[list[Row], list[Row]]:
    """Return what is to be delivered now, claimed, and what has waited for `max_age` and is given up."""
    due = session.scalars(
        select(kind)
        .where(kind.next_try_at.is_not(None), kind.next_try_at <= now)
        .order_by(kind.tries, kind.id)
        .limit(limit)
    ).all()
    given_up = [row for row in due if now - row.queued_at >= max_age]
    for row in given_up:
        give_up(row)
    taken = [row for row in due if row.next_try_at is not None]
    for row in taken:
        row.next_try_at = now + claim
    return taken, given_up


def give_up(row: OutboxRow) -> None:
    """Try a row no more, and forget its text."""
    row.next_try_at, row.text = None, ""


def mark_sent(session: Session, kind: type[Row], now: datetime, row_id: int) -> Row | None:
    """Say that a row was delivered. Its text is forgotten."""
    row = session.get(kind, row_id)
    if row is not None:
        row.sent_at, row.error = now, ""
        row.tries += 1
        give_up(row)
    return row


def mark_failed(
    session: Session, kind: type[Row], row_ids: Collection[int], *, error: str, next_try_at: datetime,
    was_tried: bool = True,
) -> None:  # fmt: skip
    """Say that rows could not be delivered, and when to try again."""
    for row_id in row_ids:
        row = session.get(kind, row_id)
        if row is not None and row.next_try_at is not None:
            row.tries += was_tried
            row.error, row.next_try_at = escape_control_characters(error)[:MAX_ERROR_LENGTH], next_try_at


def prune(session: Session, kind: type[Row], before: datetime) -> None:
    """Forget what was delivered or given up, and queued before a moment."""
    session.execute(delete(kind).where(kind.next_try_at.is_(None), kind.queued_at < before))


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries before: ever longer."""
    return min(FIRST_PAUSE * (1 << min(tries, 10)), LONGEST_PAUSE)
