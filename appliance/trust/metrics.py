"""A trust's figures for Prometheus. Nothing is counted by school: schools are counted by how they are.

`METRICS` is the table of all of them; `docs/metrics.md` repeats it (a test compares). Rooms are sums of what
schools told last; what a school suppresses (counts under five) is in none of them.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central.models import AuditHeadRow
from appliance.central.store import Store
from appliance.metrics.samples import Metric, Sample, render_samples
from appliance.trust import entries, schools
from appliance.trust.documents import DocumentDigests
from appliance.trust.school_list import ListedSchool, list_schools

SCHOOL_STATES = ("in_touch", "silent", "registered", "retired", "revoked")

METRICS = (
    Metric("hallpass_trust_build_info", "gauge", "Which version of Hallpass runs; always 1.", ("version",)),
    Metric("hallpass_trust_database_up", "gauge", "Whether the database answers; else most figures are missing."),
    Metric("hallpass_trust_schools", "gauge", "Schools, by how they are.", ("state",)),
    Metric("hallpass_trust_schools_behind", "gauge", "Schools in which an older document holds, as they say."),
    Metric("hallpass_trust_invitations_waiting", "gauge", "Invitations that nobody has used yet."),
    Metric("hallpass_trust_entries", "gauge", "What is laid down, by kind.", ("kind",)),
    Metric("hallpass_trust_rooms", "gauge", "Rooms of all schools, as they told last."),
    Metric("hallpass_trust_rooms_in_step", "gauge", "Those of them that are up to date."),
    Metric("hallpass_trust_rooms_silent", "gauge", "Those of them that their central does not hear."),
    Metric("hallpass_trust_audit_entries", "gauge", "The number of the audit's newest entry."),
    Metric("hallpass_trust_disk_size_bytes", "gauge", "The size of the disk that holds the trust's data."),
    Metric("hallpass_trust_disk_free_bytes", "gauge", "What of it is free."),
)


def render_trust(store: Store, data: Path, clock: Callable[[], datetime], digests: DocumentDigests) -> bytes:
    """Return a trust's figures in Prometheus' text format; without its database, what is known else."""
    return render_samples(METRICS, _collect_samples(store, data, clock(), digests))


def _collect_samples(store: Store, data: Path, now: datetime, digests: DocumentDigests) -> tuple[Sample, ...]:
    try:
        with store.read_session() as session:
            known = (
                *_school_samples(list_schools(session, now), digests.list_behind(session)),
                *_entry_samples(session),
                Sample("hallpass_trust_audit_entries", session.scalar(select(AuditHeadRow.number)) or 0),
            )
        is_up = True
    except (SQLAlchemyError, OSError):
        known, is_up = (), False
    return (
        Sample("hallpass_trust_build_info", 1, (metadata.version("hallpass"),)),
        Sample("hallpass_trust_database_up", is_up),
        *known,
        *_disk_samples(data),
    )


def _school_samples(listed: list[ListedSchool], behind: set[str]) -> Iterator[Sample]:
    states = Counter(_state(one) for one in listed)
    for state in SCHOOL_STATES:
        yield Sample("hallpass_trust_schools", states[state], (state,))
    yield Sample("hallpass_trust_schools_behind", len(behind))
    yield Sample("hallpass_trust_invitations_waiting", sum(one.invitation_ends is not None for one in listed))
    numbers = [one.numbers for one in listed if one.state == schools.ENROLLED and one.numbers is not None]
    yield Sample("hallpass_trust_rooms", sum(one.rooms for one in numbers))
    yield Sample("hallpass_trust_rooms_in_step", sum(one.rooms_in_step for one in numbers))
    yield Sample("hallpass_trust_rooms_silent", sum(one.rooms_silent for one in numbers))


def _state(school: ListedSchool) -> str:
    if school.state != schools.ENROLLED:
        return school.state
    return "silent" if school.is_silent else "in_touch"


def _entry_samples(session: Session) -> Iterator[Sample]:
    kinds = Counter(one.kind for one in entries.list_entries(session, entries.KINDS))
    for kind in entries.KINDS:
        yield Sample("hallpass_trust_entries", kinds[kind], (kind,))


def _disk_samples(data: Path) -> Iterator[Sample]:
    try:
        usage = shutil.disk_usage(data)
    except OSError:
        return
    yield Sample("hallpass_trust_disk_size_bytes", usage.total)
    yield Sample("hallpass_trust_disk_free_bytes", usage.free)
