"""The recorder takes each batch once, lights the lamp before it writes, and outlives a disk that is full."""

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from appliance.room.lamp.controller import LampController
from appliance.room.query_log import service
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.log_key import NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.service import QueryLogService, commit_delay
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection
from dns.policy.steps import STEPS
from dns.querylog.records import BatchAck, FrameReader, QueryRecord, RecordBatch, ack_decoder, encode_frame
from hardware.lamp import SimulatedLamp

ALLOWED = QueryRecord(100, "192.0.2.7", "pupils", "example.org", 1, "allowed", "default", "", "", "", 0, 3, 1.5)
REFUSED = QueryRecord(
    101, "192.0.2.8", "pupils", "casino.example", 1,
    "refused", "list", "gambling", "starter", "casino.example", 0, 2, 0.1,
)  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    yield path
    shutil.rmtree(path)


class Worker:
    """The other end: sends batches and hears what was stored."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()

    def send(self, *batches: RecordBatch) -> None:
        self._writer.write(b"".join(encode_frame(batch) for batch in batches))

    async def stored(self) -> list[BatchAck]:
        async with asyncio.timeout(10):
            while True:
                data = await self._reader.read(65536)
                assert data, "the recorder closed the connection"
                found = [ack_decoder.decode(body) for body in self._frames.feed(data)]
                if found:
                    return found

    async def stored_until_closed(self) -> list[int]:
        async with asyncio.timeout(10):
            said = [ack_decoder.decode(body) for body in self._frames.feed(await self._reader.read())]
        return [one.sequence for one in said]

    def close(self) -> None:
        self._writer.close()


class Running:
    """A recorder with its sockets, as the service has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.db"
        self.lamp = folder / "lamp"
        tokens = Pseudonyms.load_or_create(folder)
        self.live = LiveFeed(tokens)
        self.light = LampController(SimulatedLamp(self.lamp), asyncio.get_running_loop())
        ledger = QueryLogWriter(self.log, folder / "log.spool", LogSection(), tokens, NoKey())
        self.recorder = QueryLogService(ledger, self.live, self.light, commit_seconds=0.05, now=lambda: 1000.0)

    async def worker(self) -> Worker:
        return Worker(*await asyncio.open_unix_connection(self.folder / "recorder.sock"))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    one = Running(folder)
    await one.live.start_server(folder / "live.sock")
    server = await asyncio.start_unix_server(one.recorder.serve_worker, folder / "recorder.sock")
    try:
        yield one
    finally:
        server.close()
        await one.recorder.close()
        one.live.close()
        one.light.close()


def test_a_batch_is_confirmed_once_it_can_be_read(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as room:
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (ALLOWED, REFUSED)))
            assert await worker.stored() == [BatchAck("w1", 1)]
            stats = QueryLogReader(room.log).read_stats()
            assert (stats.queries, stats.refused, stats.rows) == (5, 2, 2)
            worker.close()

    asyncio.run(story())


def test_it_is_in_use_from_the_first_batch_on(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as one:
            assert not one.recorder.is_in_use()
            worker = await one.worker()
            worker.send(RecordBatch("w", 1, (ALLOWED,)))
            await worker.stored()
            assert one.recorder.is_in_use()
            worker.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("now", "commit_seconds", "expected"),
    [
        (101.0, 0.75, 0.75),  # the moment its second is over
        (101.5, 0.75, 0.25),  # a later portion of a busy second
        (101.75, 0.75, 0.1),
        (160.0, 0.75, 0.1),  # after a reconnection
        (100.2, 0.75, 0.75),  # its second is not over
        (50.0, 0.75, 0.75),  # the clock was set back
        (160.0, 0.05, 0.05),
    ],
)
def test_what_a_power_cut_may_take_is_counted_from_the_end_of_the_second(
    now: float, commit_seconds: float, expected: float
) -> None:
    assert commit_delay(100, now, commit_seconds) == pytest.approx(expected)


def test_a_batch_that_comes_again_is_confirmed_and_not_counted_twice(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as room:
            first = await room.worker()
            first.send(RecordBatch("w1", 1, (ALLOWED,)))
            await first.stored()
            first.close()
            again = await room.worker()
            again.send(RecordBatch("w1", 1, (ALLOWED,)), RecordBatch("w1", 2, (ALLOWED,)))
            assert [stored.sequence for stored in await again.stored()] == [1, 2]
            assert QueryLogReader(room.log).read_stats().queries == 6
            again.close()

    asyncio.run(story())


def test_a_batch_is_known_again_after_the_recorder_was_restarted(folder: Path) -> None:
    async def story() -> None:
        for _ in range(2):
            async with running(folder) as room:
                worker = await room.worker()
                worker.send(RecordBatch("w1", 1, (ALLOWED,)))
                await worker.stored()
                worker.close()
        assert QueryLogReader(folder / "log.db").read_stats().queries == 3

    asyncio.run(story())


def test_the_lamp_is_lit_and_the_page_told_before_anything_is_written(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as room:
            follower, page = await asyncio.open_unix_connection(folder / "live.sock")
            assert await follower.readline() == b"\n", "from here on it is told everything"
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (REFUSED,)))
            async with asyncio.timeout(10):
                line = await follower.readline()
                while room.lamp.read_text() == "off\n":
                    await asyncio.sleep(0)
            assert b'"name":"casino.example"' in line
            assert b"192.0.2.8" not in line, "devices are tokens"
            assert room.lamp.read_text() == "on refused\n"
            assert not room.log.exists()
            page.close()
            worker.close()

    asyncio.run(story())


def test_allowed_names_do_not_light_the_lamp(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as room:
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (ALLOWED,)))
            await worker.stored()
            assert room.lamp.read_text() == "off\n"
            worker.close()

    asyncio.run(story())


@pytest.mark.parametrize("step", sorted(STEPS.quiet_values))
def test_what_somebody_closed_on_purpose_and_what_browsers_ask_do_not_light_the_lamp_but_are_shown(
    folder: Path, step: str
) -> None:
    async def story() -> None:
        async with running(folder) as room:
            follower, page = await asyncio.open_unix_connection(folder / "live.sock")
            assert await follower.readline() == b"\n", "from here on it is told everything"
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (msgspec.structs.replace(REFUSED, step=step, category=""),)))
            await worker.stored()
            assert room.lamp.read_text() == "off\n"
            async with asyncio.timeout(10):
                assert b'"name":"casino.example"' in await follower.readline()
            worker.send(RecordBatch("w1", 2, (REFUSED,)))
            async with asyncio.timeout(10):
                while room.lamp.read_text() == "off\n":
                    await asyncio.sleep(0)
            page.close()
            worker.close()

    asyncio.run(story())


def test_a_log_that_cannot_be_written_keeps_records_until_it_can(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RETRY_SECONDS", 0.05)

    async def story() -> None:
        async with running(folder) as room:
            with contextlib.closing(open_database_for_writing(room.log, None)) as connection:
                connection.execute("PRAGMA user_version = 99")  # a newer Hallpass's is left alone
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (ALLOWED,)))
            async with asyncio.timeout(10):
                while not room.recorder.problem:
                    await asyncio.sleep(0.01)
            room.log.unlink()
            assert await worker.stored() == [BatchAck("w1", 1)]
            assert room.recorder.problem == ""
            assert QueryLogReader(room.log).read_stats().queries == 3
            worker.close()

    asyncio.run(story())


def test_a_log_that_cannot_be_written_for_long_shows_each_refusal_once_and_loses_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(service, "MAX_PENDING_BATCHES", 2)
    batches = [
        RecordBatch("w1", number, (msgspec.structs.replace(REFUSED, name=f"n{number}.example"),))
        for number in range(1, 6)
    ]

    async def story() -> None:
        async with running(folder) as room:
            with contextlib.closing(open_database_for_writing(room.log, None)) as connection:
                connection.execute("PRAGMA user_version = 99")  # a newer Hallpass's is left alone
            follower, page = await asyncio.open_unix_connection(folder / "live.sock")
            assert await follower.readline() == b"\n", "from here on it is told everything"
            worker = await room.worker()
            worker.send(*batches)
            shown: list[bytes] = []
            async with asyncio.timeout(10):
                while len(shown) < len(batches):
                    if b'"name"' in (line := await follower.readline()):
                        shown.append(line)
                while not room.recorder.problem:
                    await asyncio.sleep(0.01)
            room.log.unlink()
            taken = await worker.stored_until_closed()  # for the rest it has to come again
            worker.close()
            monkeypatch.setattr(service, "MAX_PENDING_BATCHES", 1000)
            again = await room.worker()
            again.send(*batches[len(taken) :])
            while len(taken) < len(batches):
                taken += [one.sequence for one in await again.stored()]
            assert taken == [1, 2, 3, 4, 5]
            assert QueryLogReader(room.log).read_stats().refused == 2 * len(batches)
            room.live.close()
            assert b'"name"' not in await follower.read()
            assert len(set(shown)) == len(batches)
            page.close()
            again.close()

    asyncio.run(story())
    assert sum("wait" in one.message and "batches" in one.message for one in caplog.records) == 1


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{}", b"GET / HTTP/1.1\r\n\r\n"])
def test_somebody_who_does_not_speak_the_protocol_is_sent_away(folder: Path, junk: bytes) -> None:
    async def story() -> None:
        async with running(folder) as room:
            reader, writer = await asyncio.open_unix_connection(folder / "recorder.sock")
            writer.write(junk)
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (ALLOWED,)))
            assert await worker.stored()
            worker.close()

    asyncio.run(story())


def test_the_view_reads_like_a_sentence(folder: Path) -> None:
    async def story() -> None:
        async with running(folder) as room:
            worker = await room.worker()
            worker.send(RecordBatch("w1", 1, (REFUSED,)))
            await worker.stored()
            worker.close()

    asyncio.run(story())
    with contextlib.closing(sqlite3.connect(folder / "log.db")) as database:
        row = database.execute(
            'SELECT time, "group", name, type, verdict, category, source, count FROM query_log'
        ).fetchone()
    assert row == ("1970-01-01T00:01:41Z", "pupils", "casino.example", "A", "refused", "gambling", "starter", 2)
