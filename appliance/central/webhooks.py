"""Webhooks: addresses of other services that are told of news, each with a secret by which it knows that it is us.

What is told names no person, and of incidents neither device nor site. An address is https on the internet; one
inside the school, or on this machine, has to be called so by whoever adds it, and only there may it be http. Never
link-local, never central itself (`appliance.central.webhook_targets`).
"""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import audit, outbox_queue
from appliance.central.errors import NotFound, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import RoomRow, WebhookDeliveryRow, WebhookRow
from appliance.central.setting_history import record_change
from appliance.control_characters import find_control_character

KIND = "webhook"  # of `appliance.central.undo`
SECRET_PREFIX = "whsec_"  # noqa: S105 (as Standard Webhooks marks one)
PURPOSE = "webhook"
MAX_URL_LENGTH = 500
MAX_WEBHOOKS = 20
KEPT_DAYS = 30
FAILURES_BEFORE_PAUSE = 12  # tries in a row; about five hours
MAX_WAITING = 1000  # deliveries of one webhook: what is older is of no use any more
SILENT = timedelta(minutes=2)

EVENTS = {
    "request.created": "a teacher asks for a site",
    "request.decided": "a request is decided",
    "incident.urgent": "an urgent incident (without name or site)",
    "room.gone": "a room is silent",
    "room.back": "a silent room is back",
    "list.held": "a new copy of a list waits for a person",
}
TEST_EVENT = "test"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, as Standard Webhooks lays it out."""

    type: str
    timestamp: datetime
    data: dict[str, str | int | bool]


def check_address(url: str, *, is_inside: bool) -> str:
    """Return an address that a webhook may have. Raises NotPossible. Where its name leads is looked at later."""
    from blocklists.download_targets import TargetPolicy  # noqa: PLC0415 (brings the HTTP client, for rare clicks)

    url = url.strip()
    if find_control_character(url) or not url.isascii() or " " in url or len(url) > MAX_URL_LENGTH:
        raise NotPossible(
            f"an address has at most {MAX_URL_LENGTH} characters, and no blanks or control characters"
        )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise NotPossible("that is no address, such as https://desk.example.org/hallpass") from None
    if parts.scheme not in ("https", "http") or not host or parts.username is not None or parts.fragment:
        raise NotPossible(
            "an address is such as https://desk.example.org/hallpass, without a name or password in it"
        )
    if is_inside and TargetPolicy().place_named(host) == "internet":
        raise NotPossible(f"{host} is a name of the internet: leave out that it is inside the school")
    if not is_inside and (parts.scheme != "https" or TargetPolicy().place_named(host) != "internet"):
        raise NotPossible("an address on the internet begins with https://; say if this one is inside the school")
    return url


def add_webhook(
    session: Session, now: datetime, keys: KeyFile, *, url: str, events: Iterable[str], is_inside: bool, by: str
) -> str:
    """Add a webhook and return its secret, which is known once. Raises NotPossible or KeyFileUnusable."""
    url = check_address(url, is_inside=is_inside)
    wanted = [one for one in EVENTS if one in set(events)]
    if not wanted:
        raise NotPossible("say of what it is told")
    _require_place(session, url)
    require_key_of_database(session, keys)
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    row = WebhookRow(
        url=url, events=wanted, is_inside=is_inside, secret=keys.seal(PURPOSE, secret), made_by=by, made_at=now,
        failures=0,
    )  # fmt: skip
    session.add(row)
    audit.record_audit(session, now, by, "webhook added", f"{url}: {', '.join(wanted)}")
    return secret


def _require_place(session: Session, url: str) -> None:
    rows = list_webhooks(session)
    if any(row.url == url for row in rows):
        raise NotPossible("this address is told already")
    if len(rows) >= MAX_WEBHOOKS:
        raise NotPossible(f"at most {MAX_WEBHOOKS} addresses are told")


def list_webhooks(session: Session) -> list[WebhookRow]:
    """Return all webhooks, the oldest first."""
    return list(session.scalars(select(WebhookRow).order_by(WebhookRow.id)))


def get_webhook(session: Session, webhook_id: int) -> WebhookRow:
    """Return a webhook. Raises NotFound."""
    row = session.get(WebhookRow, webhook_id)
    if row is None:
        raise NotFound("there is no such address")
    return row


def remove_webhook(session: Session, now: datetime, *, webhook_id: int, by: str) -> str:
    """Tell an address no more; return the change's id, for an undo. Raises NotFound.

    What waits for it is forgotten.
    """
    row = get_webhook(session, webhook_id)
    before = _to_builtins(row)
    session.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == row.id))
    session.delete(row)
    audit.record_audit(session, now, by, "webhook removed", row.url)
    return record_change(session, now, kind=KIND, before=before, after={}, by=by)


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return how the webhook of a kept value reads now; empty where its address is not told."""
    found = session.scalar(select(WebhookRow).where(WebhookRow.url == value["url"]))
    return {} if found is None else _to_builtins(found)


def restore_value(session: Session, current: dict[str, Any], before: dict[str, Any]) -> None:
    """Tell an address again as before, by its old secret, or no more. Raises NotPossible."""
    if before:
        _require_place(session, before["url"])
        session.add(WebhookRow(**before | {"made_at": datetime.fromisoformat(before["made_at"])}, failures=0))
        return
    for row in session.scalars(select(WebhookRow).where(WebhookRow.url == current["url"])):
        session.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == row.id))
        session.delete(row)


def _to_builtins(row: WebhookRow) -> dict[str, Any]:
    """Return what is kept of a webhook for an undo; its secret is sealed."""
    return {
        "url": row.url, "events": list(row.events), "is_inside": row.is_inside, "secret": row.secret,
        "made_by": row.made_by, "made_at": row.made_at.isoformat(),
    }  # fmt: skip


def resume_webhook(session: Session, now: datetime, *, webhook_id: int, by: str) -> WebhookRow:
    """Tell an address again that was put aside. Raises NotFound."""
    row = get_webhook(session, webhook_id)
    if row.put_aside_at is not None:
        row.put_aside_at, row.failures = None, 0
        audit.record_audit(session, now, by, "webhook told again", row.url)
    return row


def enqueue_event(session: Session, now: datetime, kind: str, **data: str | int | bool) -> int:
    """Have whoever wants to hear of something told; return how many that are."""
    rows = [row for row in list_webhooks(session) if kind in row.events and row.put_aside_at is None]
    for row in rows:
        _enqueue(session, now, row, kind, data)
    return len(rows)


def enqueue_test(session: Session, now: datetime, *, webhook_id: int) -> WebhookRow:
    """Have one address told that this is a test. Raises NotFound."""
    row = get_webhook(session, webhook_id)
    _enqueue(session, now, row, TEST_EVENT, {})
    return row


def _enqueue(
    session: Session, now: datetime, row: WebhookRow, kind: str, data: dict[str, str | int | bool]
) -> None:
    event = Event(type=kind, timestamp=now, data=data)
    session.add(
        WebhookDeliveryRow(
            webhook_id=row.id, event=kind, text=msgspec.json.encode(event).decode(), queued_at=now,
            next_try_at=now, tries=0, error="",
        )
    )  # fmt: skip


def note_rooms(session: Session, now: datetime) -> int:
    """Tell of rooms that have fallen silent or are back since the last look; return how many."""
    if not list_webhooks(session):
        return 0
    count = 0
    for room in session.scalars(
        select(RoomRow).where(RoomRow.state == "enrolled", RoomRow.last_seen.is_not(None))
    ):
        is_gone = room.last_seen is not None and now - room.last_seen > SILENT
        if is_gone and room.notified_gone_at is None:
            room.notified_gone_at = now
            count += enqueue_event(session, now, "room.gone", room=room.name)
        elif not is_gone and room.notified_gone_at is not None:
            room.notified_gone_at = None
            count += enqueue_event(session, now, "room.back", room=room.name)
    return count


def list_deliveries(session: Session, webhook_id: int, limit: int = 10) -> list[WebhookDeliveryRow]:
    """Return what an address was told last, or is to be told, the newest first."""
    found = select(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == webhook_id)
    return list(session.scalars(found.order_by(WebhookDeliveryRow.id.desc()).limit(limit)))


def note_failure(session: Session, now: datetime, webhook_id: int, error: str) -> bool:
    """Count a failed try; tell whether the address is put aside now. What waits for it is then given up."""
    row = session.get(WebhookRow, webhook_id)
    if row is None or row.put_aside_at is not None:
        return False
    row.failures += 1
    if row.failures < FAILURES_BEFORE_PAUSE:
        return False
    row.put_aside_at = now
    waiting = select(WebhookDeliveryRow).where(
        WebhookDeliveryRow.webhook_id == webhook_id, WebhookDeliveryRow.next_try_at.is_not(None)
    )
    for delivery in session.scalars(waiting):
        outbox_queue.give_up(delivery)
    audit.record_audit(session, now, "central", "webhook put aside", f"{row.url}: {error[:200]}")
    return True


def prune_deliveries(session: Session, now: datetime) -> None:
    """Forget what was told long ago."""
    outbox_queue.prune(session, WebhookDeliveryRow, now - timedelta(days=KEPT_DAYS))
