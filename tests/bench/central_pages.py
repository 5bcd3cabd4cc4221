"""Central's pages in a school that has gone on for years: the server's time for each, in its own application.

    python -m tests.bench.central_pages [--database postgresql] [--scale 1.0]

A hundred rooms, 10,000 requests (300 of them waiting), 100,000 entries of the audit, 5,000 incidents, 5,000
openings that are over and 100 that are not, 1,000 reports of sites, 1,000 rules, 2,000 devices, 500 accounts, two
weeks of figures. Every page that `tests.webui.every_page` finds, and searches in those that have one: milliseconds
by the clock and of processor time, each the best of three, the slowest first; the bar is 200 ms. What PostgreSQL
works is in the former alone.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert
from sqlalchemy.orm import Session

from appliance.central.incidents.tables import IncidentGroupRow, IncidentRow
from appliance.central.models import (
    AuditRow,
    CountRow,
    DeviceRow,
    RefusedSiteRow,
    RequestRow,
    RoomRow,
    RuleRow,
    SeenDeviceRow,
    SiteReportRow,
    UnblockRow,
    UserRow,
)
from tests.fakes.furnished import FurnishedSchool
from tests.fakes.postgres import database_url
from tests.webui.every_page import PageVisit, list_pages, sign_in
from webui.central.app import create_central_app

BAR_MS = 200.0
_CHUNK = 5000
_SEARCHES: tuple[tuple[str, Any], ...] = (
    ("/requests?q=romans", "coordinator"),
    ("/requests?q=nowhere-in-it", "coordinator"),
    ("/requests?page=12", "coordinator"),
    ("/requests/decided?q=romans", "coordinator"),
    ("/requests/decided?q=nowhere-in-it", "coordinator"),
    ("/requests/decided?page=200", "coordinator"),
    ("/openings?q=s7", "coordinator"),
    ("/reports?page=10", "coordinator"),
    ("/incidents?search=s7&state=all", "safeguarding"),
    ("/incidents?search=nowhere-in-it&state=all", "safeguarding"),
    ("/incidents?state=all&page=100", "safeguarding"),
    ("/audit?words=nowhere-in-it", "coordinator"),
    ("/audit?person=t7", "coordinator"),
    ("/audit?person=nobody", "coordinator"),
    ("/audit?kind=approved&words=s7", "coordinator"),
    ("/audit?before=1050000", "coordinator"),
    ("/devices?q=laptop+7", "coordinator"),
    ("/accounts?q=teacher+7", "coordinator"),
    ("/rooms?q=7", "coordinator"),
    ("/rules?q=s7", "coordinator"),
    ("/sites?site=www.s7.example.org", "coordinator"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--scale", type=float, default=1.0, help="a part of those rows, for a look")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder,
        database_url(options.database) as database,
        contextlib.closing(FurnishedSchool(Path(folder) / "central", database=database)) as school,
    ):
        _write_years(school, options.scale)
        app = create_central_app(school.central)
        visits = list_pages(app, "central", school.arguments)
        visits += [PageVisit(path, role) for path, role in _SEARCHES]
        found = sorted((_measure(app, visit) for visit in visits), reverse=True)
        sys.stdout.write(f"{len(found)} pages, the slowest first; bar {BAR_MS:.0f} ms\n")
        for spent, worked, length, path in found[:25]:
            over = "  over" if spent > BAR_MS else ""
            sys.stdout.write(f"{spent:8.1f} ms  {worked:8.1f} ms of work  {length:9,} bytes  {path}{over}\n")
    return 0


def _measure(app: Flask, visit: PageVisit) -> tuple[float, float, int, str]:
    browser, spent, worked, length = sign_in(app, visit.role), [], [], 0
    for _ in range(3):
        begun, work = time.perf_counter(), time.process_time()
        answer = browser.get(visit.path)
        length = len(answer.data)
        spent.append(time.perf_counter() - begun)
        worked.append(time.process_time() - work)
        assert answer.status_code < 500, visit.path
    return min(spent) * 1000, min(worked) * 1000, length, visit.path


def _write_years(school: FurnishedSchool, scale: float) -> None:
    """Fill the tables, each with rows as its own services write them, but for the audit's hashes."""
    now = school.clock()
    for at in range(max(2, int(98 * scale))):
        school.enrol(f"Room {at + 10}")
    with school.store.write_session() as session:
        rooms = [room.id for room in session.query(RoomRow)]
        for room in session.query(RoomRow):
            room.last_seen, room.health = now, {"version": "0.1.0", "policy": 1, "conditions": []}
        _write_people(session, now, scale)
        _write_requests(session, now, rooms, scale)
        _write_incidents(session, now, rooms, scale)
        _write_audit(session, now, scale)
        _write_figures(session, now, rooms)


def _fill(session: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    kept: list[dict[str, Any]] = []
    for row in rows:
        kept.append(row)
        if len(kept) == _CHUNK:
            session.execute(insert(table), kept)
            kept = []
    if kept:
        session.execute(insert(table), kept)


def _write_people(session: Session, now: datetime, scale: float) -> None:
    session.flush()
    pattern = session.get_one(UserRow, "cora")
    kept = {column.key: getattr(pattern, column.key) for column in UserRow.__mapper__.column_attrs}
    people = range(int(500 * scale))
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
                "addresses": f" 00:00:5e:00:{at // 256:02x}:{at % 256:02x} ", "changed_by": "cora",
                "changed_at": now,
            }
            for at in range(int(2000 * scale))
        ),
    )  # fmt: skip


def _write_requests(session: Session, now: datetime, rooms: list[int], scale: float) -> None:
    _fill(
        session,
        RuleRow,
        (
            {"name": f"s{at}.example.org", "action": "block", "note": "Year 7", "by": "cora", "made_at": now}
            for at in range(int(1000 * scale))
        ),
    )
    count = int(10_000 * scale)
    waiting = count * 3 // 100
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
            for at in range(int(5000 * scale))
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
            for at in range(int(94 * scale))
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
            for at in range(int(1000 * scale))
        ),
    )  # fmt: skip


def _write_incidents(session: Session, now: datetime, rooms: list[int], scale: float) -> None:
    count = int(5000 * scale)
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


def _write_audit(session: Session, now: datetime, scale: float) -> None:
    written = ("approved", "denied", "signed in", "rule: block", "request")
    _fill(
        session,
        AuditRow,
        (
            {
                "id": 1_000_000 + at, "at": now - timedelta(minutes=200_000 - at), "who": f"t{at % 400}",
                "what": written[at % len(written)], "detail": f"s{at % 900}.example.org, Room {at % 100}",
            }
            for at in range(int(100_000 * scale))
        ),
    )  # fmt: skip


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


if __name__ == "__main__":
    sys.exit(main())
