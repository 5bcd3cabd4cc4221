"""Central's services and its interface with the rows of a hundred schools in one database: what each call takes.

    python -m tests.bench.central_services --database postgresql [--scale 1.0] [--shown 25] [--no-backup]

A thousand rooms, 5,000 accounts, 100,000 requests (300 of them waiting), a million entries of the audit, 100,000
incidents, 50,000 openings that are over and 300 that are not, 10,000 devices, two weeks of figures of every room
(`tests.bench.school_years.TRUST`). Every service that is found (`tests.bench.service_calls`) and every operation
of the table that rooms and scripts may ask: milliseconds by the clock, and of processor time in this process and
in PostgreSQL's, each the best of three, the slowest first; the bar is 100 ms. A service runs in a transaction that
is taken back; an operation goes through the application, and is committed. What is refused is counted apart: it
may have been quick because it did nothing. Passwords take their time by design. Then the audit is verified, and a
backup made, and put back into another database.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from appliance.central import audit_verification, backup, restoration, script_keys
from appliance.central.errors import CentralError
from appliance.operations import BASE_PATH, OPERATIONS, Operation
from tests.bench.operation_calls import examples
from tests.bench.school_years import TRUST, write_years
from tests.bench.service_calls import LEFT_OUT, Services
from tests.fakes.furnished import OF_COORDINATORS, FurnishedSchool
from tests.fakes.postgres import database_url
from webui.api.app import create_rooms_app
from webui.central.app import create_central_app

BAR_MS = 100.0
BACKUP_BAR_SECONDS = 60.0
PASSPHRASE = "four words for a bench"
ROUNDS = 3
_DATABASE: list[Path] = []  # the folder of PostgreSQL, where that is the database


class Measured(msgspec.Struct, frozen=True, order=True):
    """What one call took."""

    milliseconds: float
    worked: float  # of processor time in this process
    database: float  # of processor time in PostgreSQL's processes; 0 with SQLite, which has none
    name: str
    refusal: str = ""


class _TakenBack(Exception):
    """Ends a transaction without keeping anything."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--scale", type=float, default=1.0, help="a part of those rows, for a look")
    parser.add_argument("--shown", type=int, default=25, help="how many of the slowest are printed")
    parser.add_argument("--only", default="", help="what the name of a call has to hold")
    parser.add_argument("--no-backup", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder,
        database_url(options.database) as database,
        contextlib.closing(_open_school(Path(folder), database)) as school,
    ):
        _DATABASE.extend([Path(database.partition("host=")[2])] if database else [])
        begun = time.perf_counter()
        write_years(school, TRUST.scaled(options.scale))
        with school.store.write_session(affects_rooms=False) as session:
            session.execute(text("ANALYZE"))  # as PostgreSQL does by itself, in time
        _say(f"filled in {time.perf_counter() - begun:.0f} s")
        found = [*_measure_services(school, options.only), *_measure_operations(school, options.only)]
        _print(found, options.shown)
        if not options.no_backup:
            _verify(school)
            _back_up(school, Path(folder), options.database)
    return 0


def _open_school(folder: Path, database: str) -> FurnishedSchool:
    """Return a school whose PostgreSQL does a query in one process.

    Those that help it end with the query, and what they have worked could not be counted.
    """
    if database:
        engine = create_engine(database)
        with engine.begin() as connection:
            connection.execute(text("ALTER ROLE hallpass SET max_parallel_workers_per_gather = 0"))
        engine.dispose()
    return FurnishedSchool(folder / "central", database=database)


def _print(found: list[Measured], shown: int) -> None:
    answered = sorted((one for one in found if not one.refusal), reverse=True)
    _say(f"{len(answered)} calls answered, the slowest first; bar {BAR_MS:.0f} ms")
    for one in answered[:shown]:
        over = "  over" if one.milliseconds > BAR_MS else ""
        over = "  OVER BY ITS WORK" if one.worked + one.database > BAR_MS else over
        work = f"{one.worked:9.1f} ms of work, {one.database:8.1f} of the database's"
        _say(f"{one.milliseconds:9.1f} ms  {work}  {one.name}{over}")
    refused = sorted((one for one in found if one.refusal), reverse=True)
    _say(f"{len(refused)} refused what they were given, the slowest after {refused[0].milliseconds:.1f} ms:" if
         refused else "none refused")  # fmt: skip
    for one in refused:
        _say(f"    {one.name}: {one.refusal[:90]}")


def _measure_services(school: FurnishedSchool, only: str) -> Iterator[Measured]:
    services = Services(school)
    for one in services.calls():
        if only in one.name:
            yield _measure(
                f"{one.name}{' (a file)' if one.writes_file else ''}", _in_transaction(school, one.call)
            )
    for name in services.without_example():
        if name not in LEFT_OUT:
            _say(f"no example for {name}")


def _in_transaction(school: FurnishedSchool, call: Callable[[Session], object]) -> Callable[[], str]:
    def run() -> str:
        refusal = ""
        with contextlib.suppress(_TakenBack), school.store.write_session() as session:
            try:
                call(session)
                session.flush()
            except CentralError as problem:
                refusal = str(problem) or type(problem).__name__
            raise _TakenBack
        return refusal

    return run


def _measure_operations(school: FurnishedSchool, only: str) -> Iterator[Measured]:
    rooms, pages = create_rooms_app(school.central).test_client(), create_central_app(school.central).test_client()
    with school.store.write_session(affects_rooms=False) as session:
        key = script_keys.add_key(
            session, school.clock(), name="operations", owner="cora", rights=OF_COORDINATORS,
            ends=school.clock() + timedelta(days=30), by="cora",
        )  # fmt: skip
    tokens = {"room": school.enrol("Room 4"), "script": key.token}
    given = examples(school)
    for operation in OPERATIONS:
        if only not in operation.id or (operation.id not in given and operation.id != "get_feed"):
            continue
        if operation.id == "get_feed":
            yield _measure("get_feed (its first line)", lambda: _first_line(school))
            continue
        client = rooms if operation.caller == "room" else pages
        rounds = iter(given[operation.id])

        def run(operation: Operation = operation, client: Any = client, rounds: Iterator[Any] = rounds) -> str:
            path, body = next(rounds)
            answer: TestResponse = client.open(
                f"{BASE_PATH}{path}", method=operation.method, data=body,
                headers={"Authorization": f"Bearer {tokens[operation.caller]}"},
                content_type="application/json" if body is not None else None,
            )  # fmt: skip
            assert answer.status_code < 500, (operation.id, answer.data)
            return "" if answer.status_code < 400 else f"{answer.status_code} {answer.get_data(as_text=True)}"

        yield _measure(f"{operation.method} {operation.path}", run)


def _first_line(school: FurnishedSchool) -> str:
    lines = school.central.feed.watch_targets(school.room().id)
    with contextlib.closing(lines):
        return "" if next(lines) is not None else "no line"


def _measure(name: str, run: Callable[[], str]) -> Measured:
    spent, worked, database, refusal = [], [], [], ""
    for _ in range(ROUNDS):
        before, work, begun = _database_seconds(), time.process_time(), time.perf_counter()
        try:
            refusal = run()
        except Exception as fault:  # noqa: BLE001 (one call that was given nonsense must not end the others)
            refusal = f"{type(fault).__name__}: {fault}"
        spent.append(time.perf_counter() - begun)
        worked.append(time.process_time() - work)
        database.append(_database_seconds() - before)
        if spent[-1] > 20:
            break
    least, work, served = (min(each) * 1000 for each in (spent, worked, database))
    return Measured(least, work, served, name, refusal.replace("\n", " "))


def _database_seconds() -> float:
    """Return the processor time of the PostgreSQL's processes that serve this benchmark (proc(5), `schedstat`)."""
    spent = 0
    for folder in _DATABASE:
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"hallpass" in Path(f"/proc/{child}/cmdline").read_bytes():
                    spent += int(Path(f"/proc/{child}/schedstat").read_text().split()[0])
    return spent / 1e9


def _verify(school: FurnishedSchool) -> None:
    begun = time.perf_counter()
    with school.store.read_session() as session:
        found = audit_verification.verify_audit(session)
    assert found.finding is None, found.finding
    _say(f"audit verified: {found.entries:,} entries in {time.perf_counter() - begun:.1f} s")


def _back_up(school: FurnishedSchool, folder: Path, kind: str) -> None:
    config, file = folder / "central.toml", folder / "backup"
    config.write_text(f'[central]\nschool = "Example Primary"\ndata = "{folder}/central"\n')
    begun, work = time.perf_counter(), time.process_time()
    manifest = backup.make_backup(school.central, config, file, PASSPHRASE)
    spent = time.perf_counter() - begun
    over = "  over" if spent > BACKUP_BAR_SECONDS else ""
    _say(
        f"backup: {sum(manifest.rows.values()):,} rows, {file.stat().st_size / 1e6:.0f} MB in {spent:.1f} s, "
        f"{time.process_time() - work:.1f} s of work; bar {BACKUP_BAR_SECONDS:.0f} s{over}"
    )
    with database_url(kind) as other, file.open("rb") as content:
        empty = folder / "empty"
        empty.mkdir()
        settings = empty / "central.toml"
        settings.write_text(f'[central]\nschool = "x"\ndata = "{empty}/central"\ndatabase = "{other}"\n')
        begun, work = time.perf_counter(), time.process_time()
        restoration.restore_backup(content, PASSPHRASE, settings)
        _say(f"restore: {time.perf_counter() - begun:.1f} s, {time.process_time() - work:.1f} s of work")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
