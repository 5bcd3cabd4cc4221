"""Central's figures for Prometheus: what stands in its database, and what its pages' process knows besides.

`METRICS` is the table of all of them; `docs/metrics.md` repeats it (a test compares). Two centrals on one database
say the same of it. Nothing is counted by room or by person: rooms are counted by how they are.
"""

import shutil
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central import mail_outbox, policies, rooms, webhooks
from appliance.central.lists import sources
from appliance.central.lists.publisher import ListPublisher
from appliance.central.models import (
    AuditHeadRow,
    RequestRow,
    RoomRow,
    SiteReportRow,
    TrustContactRow,
    WebhookDeliveryRow,
)
from appliance.central.store import Store
from appliance.metrics.samples import Metric, Sample, render_samples
from appliance.room.conditions import Condition

SILENT = timedelta(minutes=2)
DECIDED_WITHIN = timedelta(days=1)
WEBHOOK_STATES = ("working", "failing", "put_aside")
ROOM_STATES = ("in_step", "behind", "silent", "never_seen", "retired", "revoked")

METRICS = (
    Metric("hallpass_central_build_info", "gauge", "Which version of Hallpass runs; always 1.", ("version",)),
    Metric(
        "hallpass_central_database_up", "gauge", "Whether the database answers; else most figures are missing."
    ),
    Metric("hallpass_central_rooms", "gauge", "Rooms, by how they are.", ("state",)),
    Metric("hallpass_central_room_conditions", "gauge", "Rooms that say that something is so.", ("condition",)),
    Metric("hallpass_central_room_copies", "gauge", "Rooms as which two cards work: somebody has to decide."),
    Metric(
        "hallpass_central_feed_connections",
        "gauge",
        "Rooms heard of within two minutes: they hold their feed open.",
    ),
    Metric("hallpass_central_requests_waiting", "gauge", "Requests that wait for a decision."),
    Metric("hallpass_central_requests_waiting_seconds", "gauge", "For how long the oldest of them has waited."),
    Metric("hallpass_central_reports_waiting", "gauge", "Reports of sites that wait."),
    Metric("hallpass_central_decisions_day", "gauge", "Requests decided within a day."),
    Metric("hallpass_central_decision_median_seconds", "gauge", "How long these took, as the middle one did."),
    Metric("hallpass_central_decision_longest_seconds", "gauge", "How long the slowest of them took."),
    Metric("hallpass_central_lists", "gauge", "Lists that the school subscribes to."),
    Metric("hallpass_central_lists_held", "gauge", "New copies of lists that wait for a person to look at them."),
    Metric("hallpass_central_lists_failing", "gauge", "Lists that could not be renewed at the last attempt."),
    Metric("hallpass_central_lists_oldest_seconds", "gauge", "For how long nobody has confirmed the oldest copy."),
    Metric("hallpass_central_index_names", "gauge", "Names in the index that rooms are told to use."),
    Metric("hallpass_central_index_built_timestamp_seconds", "gauge", "When it was made; Unix time."),
    Metric("hallpass_central_build_duration_seconds", "gauge", "How long the last compilation took."),
    Metric("hallpass_central_build_running", "gauge", "Whether the lists are being compiled."),
    Metric("hallpass_central_build_failed", "gauge", "Whether the last compilation failed."),
    Metric("hallpass_central_mail_waiting", "gauge", "Mails that wait to be handed in."),
    Metric("hallpass_central_mail_waiting_seconds", "gauge", "For how long the oldest of them has waited."),
    Metric("hallpass_central_mail_failing", "gauge", "Whether mail fails for so long that somebody should look."),
    Metric("hallpass_central_webhooks", "gauge", "Addresses that are told of news, by how it goes.", ("state",)),
    Metric("hallpass_central_webhook_deliveries_waiting", "gauge", "What waits to be told to them."),
    Metric(
        "hallpass_central_trust_reached_seconds",
        "gauge",
        "For how long the trust has not been reached; only where the school belongs to one.",
    ),
    Metric("hallpass_central_audit_entries", "gauge", "The number of the audit's newest entry."),
    Metric("hallpass_central_disk_size_bytes", "gauge", "The size of the disk that holds central's data."),
    Metric("hallpass_central_disk_free_bytes", "gauge", "What of it is free."),
)


def render_central(store: Store, publisher: ListPublisher, data: Path, clock: Callable[[], datetime]) -> bytes:
    """Return central's figures in Prometheus' text format; without its database, what is known else."""
    return render_samples(METRICS, _collect_samples(store, publisher, data, clock()))


def _collect_samples(store: Store, publisher: ListPublisher, data: Path, now: datetime) -> tuple[Sample, ...]:
    try:
        with store.read_session() as session:
            known = (
                *_room_samples(session, now),
                *_request_samples(session, now),
                *_list_samples(publisher, session),
                *_mail_samples(session, now),
                *_webhook_samples(session),
                *_trust_samples(session, now),
                Sample("hallpass_central_audit_entries", session.scalar(select(AuditHeadRow.number)) or 0),
            )
        is_up = True
    except (SQLAlchemyError, OSError):
        known, is_up = (), False
    return (
        Sample("hallpass_central_build_info", 1, (metadata.version("hallpass"),)),
        Sample("hallpass_central_database_up", is_up),
        *known,
        *_build_samples(publisher),
        *_disk_samples(data),
    )


def _room_samples(session: Session, now: datetime) -> Iterator[Sample]:
    published = policies.latest_publication(session)
    index = published.hash if published is not None else ""
    states, conditions, copies = Counter[str](), Counter[str](), 0
    for room in session.scalars(select(RoomRow)):
        state = _room_state(room, index, now)
        states[state] += 1
        copies += room.copy_seen_at is not None
        if state in ("in_step", "behind"):
            conditions.update((room.health or {}).get("conditions", ()))
    for state in ROOM_STATES:
        yield Sample("hallpass_central_rooms", states[state], (state,))
    for condition in Condition:  # what a room of another version says besides is no label
        yield Sample("hallpass_central_room_conditions", conditions[condition.value], (condition.value,))
    yield Sample("hallpass_central_room_copies", copies)
    yield Sample("hallpass_central_feed_connections", states["in_step"] + states["behind"])


def _room_state(room: RoomRow, index: str, now: datetime) -> str:
    if room.state in ("retired", "revoked"):
        return room.state
    if room.last_seen is None:
        return "never_seen"
    if now - room.last_seen > SILENT:
        return "silent"
    return "in_step" if rooms.is_in_step(room, index) else "behind"


def _request_samples(session: Session, now: datetime) -> Iterator[Sample]:
    waiting, oldest = session.execute(
        select(func.count(), func.min(RequestRow.asked_at)).where(RequestRow.state == "waiting")
    ).one()
    yield Sample("hallpass_central_requests_waiting", waiting)
    yield Sample("hallpass_central_requests_waiting_seconds", _seconds_since(oldest, now))
    reports = select(func.count()).select_from(SiteReportRow).where(SiteReportRow.settled_by == "")
    yield Sample("hallpass_central_reports_waiting", session.scalar(reports) or 0)
    decided = session.execute(
        select(RequestRow.asked_at, RequestRow.decided_at).where(
            RequestRow.decided_at >= now - DECIDED_WITHIN, RequestRow.decided_by != ""
        )
    )
    seconds = [max(0.0, (until - since).total_seconds()) for since, until in decided if until is not None]
    yield Sample("hallpass_central_decisions_day", len(seconds))
    if seconds:
        yield Sample("hallpass_central_decision_median_seconds", statistics.median(seconds))
        yield Sample("hallpass_central_decision_longest_seconds", max(seconds))


def _list_samples(publisher: ListPublisher, session: Session) -> Iterator[Sample]:
    subscribed = sources.list_sources(session)
    copies = publisher.read_copies(subscribed).values()
    yield Sample("hallpass_central_lists", len(subscribed))
    yield Sample("hallpass_central_lists_held", sum(one.held is not None for one in copies))
    yield Sample("hallpass_central_lists_failing", sum(one.failures > 0 for one in copies))
    yield Sample("hallpass_central_lists_oldest_seconds", max((one.age or 0.0 for one in copies), default=0.0))
    published = policies.latest_publication(session)
    if published is not None:
        yield Sample("hallpass_central_index_names", published.names)
        yield Sample("hallpass_central_index_built_timestamp_seconds", published.built_at.timestamp())


def _build_samples(publisher: ListPublisher) -> Iterator[Sample]:
    yield Sample("hallpass_central_build_running", publisher.state.is_running)
    yield Sample("hallpass_central_build_failed", bool(publisher.state.error))
    if publisher.last_build_seconds is not None:
        yield Sample("hallpass_central_build_duration_seconds", round(publisher.last_build_seconds, 3))


def _mail_samples(session: Session, now: datetime) -> Iterator[Sample]:
    mail = mail_outbox.read_mail_status(session, now)
    yield Sample("hallpass_central_mail_waiting", mail.waiting)
    yield Sample("hallpass_central_mail_waiting_seconds", _seconds_since(mail.oldest, now))
    yield Sample("hallpass_central_mail_failing", mail.is_failing)


def _webhook_samples(session: Session) -> Iterator[Sample]:
    states = Counter[str]()
    for row in webhooks.list_webhooks(session):
        states["put_aside" if row.put_aside_at is not None else "failing" if row.failures else "working"] += 1
    for state in WEBHOOK_STATES:
        yield Sample("hallpass_central_webhooks", states[state], (state,))
    waiting = (
        select(func.count()).select_from(WebhookDeliveryRow).where(WebhookDeliveryRow.next_try_at.is_not(None))
    )
    yield Sample("hallpass_central_webhook_deliveries_waiting", session.scalar(waiting) or 0)


def _trust_samples(session: Session, now: datetime) -> Iterator[Sample]:
    contact = session.get(TrustContactRow, 1)
    if contact is not None:
        yield Sample("hallpass_central_trust_reached_seconds", _seconds_since(contact.reached_at, now))


def _disk_samples(data: Path) -> Iterator[Sample]:
    try:
        usage = shutil.disk_usage(data)
    except OSError:
        return
    yield Sample("hallpass_central_disk_size_bytes", usage.total)
    yield Sample("hallpass_central_disk_free_bytes", usage.free)


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment is not None else 0.0
