"""Rows of a school that has gone on for years, for benchmarks: bulk inserts, of as many as are asked for."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlalchemy.orm import Session

from appliance.central import audit_days, room_life
from appliance.central.audit import read_head
from appliance.central.audit_chain import hash_fields
from appliance.central.incidents.tables import IncidentGroupRow, IncidentRow
from appliance.central.models import (
    AuditHeadRow,
    AuditRow,
    CountRow,
    DeviceRow,
    RefusedSiteRow,
    RequestRow,
    RoomRow,
    RuleRow,
    SchoolCountRow,
    SeenDeviceRow,
    SiteReportRow,
    UnblockRow,
    UserRow,
)
from tests.fakes.school import FakeSchool

_CHUNK = 5000


class Volumes(msgspec.Struct, frozen=True, kw_only=True):
    """How many there are of each."""

    rooms: int = 100
    accounts: int = 500
    devices: int = 2000
    rules: int = 1000
    requests: int = 10_000  # of which three hundredths wait, 300 at most
    ended_openings: int = 5000
    openings: int = 100
    reports: int = 1000
    incidents: int = 5000
    audit: int = 100_000

    def scaled(self, part: float) -> "Volumes":
        """Return a part of each."""
        return Volumes(**{name: max(2, int(count * part)) for name, count in msgspec.structs.asdict(self).items()})


SCHOOL = Volumes()
TRUST = Volumes(  # as much as a hundred schools have together, in one central
    rooms=1000, accounts=5000, devices=10_000, rules=1000, requests=100_000, ended_openings=50_000, openings=300,
    reports=10_000, incidents=100_000, audit=1_000_000,
)  # fmt: skip


def write_years(school: FakeSchool, volumes: Volumes) -> None:
    """Fill the tables, each with rows as its own services write them."""
    now = school.clock()
    with school.store.write_session() as session:
        for at in range(volumes.rooms - session.query(RoomRow).count()):
            room_life.enrol_room(session, now, name=f"Room {at + 10}", by="test")
        rooms = [room.id for room in session.query(RoomRow)]
        for room in session.query(RoomRow):
            room.last_seen, room.health = now, {"version": "0.1.0", "policy": 1, "conditions": []}
        _write_people(session, now, volumes)
        _write_requests(session, now, rooms, volumes)
        _write_incidents(session, now, rooms, volumes)
        _write_audit(session, now, volumes)
        _write_figures(session, now, rooms)
    _count_audit(school, volumes.audit)


def _count_audit(school: FakeSchool, entries: int) -> None:
    """Count the audit's days, as central does by itself, in as many hours as that takes."""
    for _ in range(0, entries + audit_days.ENTRIES_AT_ONCE, audit_days.ENTRIES_AT_ONCE):
        with school.store.write_session(affects_rooms=False) as session:
            audit_days.count_new_entries(session, school.clock())


def _fill(session: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while kept := list(itertools.islice(rows, _CHUNK)):
        session.execute(insert(table), kept)


def _write_people(session: Session, now: datetime, volumes: Volumes) -> None:
    session.flush()
    pattern = session.get_one(UserRow, "cora")
    kept = {column.key: getattr(pattern, column.key) for column in UserRow.__mapper__.column_attrs}
    people = range(volumes.accounts)
    _fill(
        session,
        UserRow,
        ({**kept, "username": f"t{at}", "name": f"Teacher {at}", "roles": ["teacher"]} for at in people),
    )
    _fill(
        session,
        DeviceRow,
        (
            {
                "name": f"Laptop {at}", "name_key": f"laptop {at}", "group": "pupils" if at % 3 else "staff",
                "addresses": f" 00:00:5e:{at // 65536:02x}:{at // 256 % 256:02x}:{at % 256:02x} ",
                "changed_by": "cora", "changed_at": now,
            }
            for at in range(volumes.devices)
        ),
    )  # fmt: skip


def _write_requests(session: Session, now: datetime, rooms: list[int], volumes: Volumes) -> None:
    _fill(
        session,
        RuleRow,
        (
            {"name": f"s{at}.example.org", "action": "block", "note": "Year 7", "by": "cora", "made_at": now}
            for at in range(volumes.rules)
        ),
    )
    count = volumes.requests
    waiting = min(count * 3 // 100, 300)
    _fill(
        session,
        RequestRow,
        (
            {
                "id": f"{at:032x}", "room_id": rooms[at % len(rooms)], "site": f"s{at % 900}.example.org",
                "reason": f"Year {at % 13}: the Romans and their roads", "minutes": 30, "teacher": f"t{at % 400}",
                "asked_at": now - timedelta(minutes=10 * at), "urgent": at % 7 == 0,
                "state": "waiting" if at < waiting else ("approved", "denied", "ended")[at % 3],
                "decided_by": "" if at < waiting else "cora",
                "decided_at": None if at < waiting else now - timedelta(minutes=10 * at - 5),
                "expires_at": now + timedelta(days=1) if at < waiting else None,
            }
            for at in range(count)
        ),
    )  # fmt: skip
    _fill(
        session,
        UnblockRow,
        (
            {
                "room_id": rooms[at % len(rooms)], "site": f"s{at % 900}.example.org", "by": "cora",
                "since": now - timedelta(minutes=10 * at), "until": now + timedelta(minutes=60 - 10 * at),
                "ended_at": None if at < 6 else now - timedelta(minutes=10 * at - 60),
            }
            for at in range(volumes.ended_openings)
        ),
    )  # fmt: skip
    _fill(
        session,
        UnblockRow,
        (
            {
                "room_id": rooms[at % len(rooms)], "site": f"o{at}.example.org", "by": "cora",
                "since": now - timedelta(minutes=at), "until": now + timedelta(minutes=60),
            }
            for at in range(volumes.openings - 6)
        ),
    )  # fmt: skip
    _fill(
        session,
        SiteReportRow,
        (
            {
                "id": f"{at:032x}", "room_id": rooms[at % len(rooms)], "site": f"r{at}.example.org",
                "teacher": f"t{at % 400}", "reported_at": now - timedelta(hours=at),
                "settled_by": "" if at < 30 else "cora", "settled_at": None if at < 30 else now,
            }
            for at in range(volumes.reports)
        ),
    )  # fmt: skip


def _write_incidents(session: Session, now: datetime, rooms: list[int], volumes: Volumes) -> None:
    count = volumes.incidents
    _fill(
        session,
        IncidentGroupRow,
        (
            {
                "id": f"{at:032x}", "room_id": rooms[at % len(rooms)], "kind": "many-refusals",
                "device": f"{at:012x}", "is_staff": False, "first_at": now - timedelta(hours=at), "count": 1,
                "last_at": now - timedelta(hours=at), "unseen": 1, "due_at": now,
                "state": "new" if at < count // 10 else "closed",
            }
            for at in range(count)
        ),
    )  # fmt: skip
    _fill(
        session,
        IncidentRow,
        (
            {
                "id": f"{at:032x}", "group_id": f"{at:032x}", "room_id": rooms[at % len(rooms)],
                "kind": "many-refusals", "happened_at": now - timedelta(hours=at), "device": f"{at:012x}",
                "evidence": ["60 refusals of 4 different names within 10 minutes", f"s{at % 900}.example.org"],
            }
            for at in range(count)
        ),
    )  # fmt: skip


def _write_audit(session: Session, now: datetime, volumes: Volumes) -> None:
    """Go on with the chain that there is, as it would have been written."""
    session.flush()
    written = ("approved", "denied", "signed in", "rule: block", "request")
    head = read_head(session)
    last = [head.hash]

    def entries() -> Iterator[dict[str, Any]]:
        for at in range(volumes.audit):
            moment = now - timedelta(minutes=200_000 - at * 200_000 // volumes.audit)
            who, what, detail = f"t{at % 400}", written[at % 5], f"s{at % 900}.example.org, Room {at % 100}"
            number, previous = head.number + at + 1, last[0]
            last[0] = hash_fields(number, moment, who, "", what, detail, previous)
            yield {
                "id": number, "at": moment, "who": who, "room": "", "what": what, "detail": detail,
                "previous": previous, "hash": last[0],
            }  # fmt: skip

    _fill(session, AuditRow, entries())
    row = session.get_one(AuditHeadRow, 1)
    row.number, row.hash = head.number + volumes.audit, last[0]


def _write_figures(session: Session, now: datetime, rooms: list[int]) -> None:
    hour = int(now.timestamp()) // 3600
    kinds = (("allowed", ""), ("refused", "games"), ("refused", "social_networks"), ("refused", "advertising"))
    hours = [back for back in range(24 * 14) if (hour - back) % 24 in range(8, 17)]
    _fill(
        session,
        CountRow,
        (
            {"room_id": room, "hour": hour - back, "verdict": verdict, "category": category, "answers": 900}
            for room in rooms
            for back in hours
            for verdict, category in kinds
        ),
    )
    _fill(
        session,
        SchoolCountRow,
        (
            {
                "hour": hour - back, "is_day": False, "verdict": verdict, "category": category,
                "answers": 900 * len(rooms), "rooms": len(rooms),
            }
            for back in hours
            for verdict, category in kinds
        ),
    )  # fmt: skip
    _fill(
        session,
        RefusedSiteRow,
        (
            {
                "room_id": room,
                "hour": hour - back,
                "site": f"s{back}.example.org",
                "category": "games",
                "answers": 40,
            }
            for room in rooms
            for back in hours
        ),
    )  # fmt: skip
    _fill(
        session,
        SeenDeviceRow,
        (
            {
                "room_id": room, "mac": f"00:00:5e:{at:02x}:{room % 256:02x}:{room // 256:02x}",
                "addresses": f" 192.0.2.{at} ", "first_seen": now, "last_seen": now,
            }
            for room in rooms
            for at in range(30)
        ),
    )  # fmt: skip
