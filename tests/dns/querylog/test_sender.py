"""Counting that is exact, whatever happens to the recorder."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dns.querylog.delivery import MAX_UNCONFIRMED_RECORDS
from dns.querylog.records import (
    BatchAck,
    FrameReader,
    LogEntry,
    RecordBatch,
    decode_batch,
    encode_frame,
    total_count,
)
from dns.querylog.sender import MAX_TABLE_ROWS, QueryLogSender
from tests.fakes.dns_client import run
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, InTest, handed_over


def log_entry(name: str, outcome: str = "allowed") -> LogEntry:
    return LogEntry("pupils", name, 1, outcome, "default")


def let_a_second_pass(sender: QueryLogSender, second: float) -> None:
    """Tick as a worker does, from the beginning of a second to its end."""
    for tick in range(20):
        sender.tick(second + tick / 20)


class FakeRecorder:
    """Listens as the recorder does; confirms, or breaks off first, as it is told."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir="/tmp")
        self.path = Path(self.folder.name) / "r.sock"
        self.batches: dict[tuple[str, int], RecordBatch] = {}
        self.received = 0
        self.break_off = 0  # how many batches are taken in without a word before the connection is broken off
        self.heard = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader()
        while data := await reader.read(65536):
            for body in frames.feed(data):
                batch = decode_batch(body)
                self.received += 1
                self.batches[batch.worker, batch.sequence] = batch
                self.heard.set()
                if self.break_off:
                    self.break_off -= 1
                    writer.transport.abort()
                    return
                writer.write(encode_frame(BatchAck(batch.worker, batch.sequence)))
        writer.close()

    def count(self) -> int:
        return sum(total_count(batch.records) for batch in self.batches.values())


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[FakeRecorder, QueryLogSender]]:
    recorder = FakeRecorder()
    server = await asyncio.start_unix_server(recorder.serve, recorder.path)
    sender = QueryLogSender(recorder.path)
    sender.start()
    try:
        yield recorder, sender
    finally:
        await sender.flush_and_close()
        server.close()
        recorder.folder.cleanup()


def test_every_batch_arrives_and_is_let_go_of_when_it_is_confirmed() -> None:
    async def story() -> None:
        async with recording() as (recorder, sender):
            for number in range(3000):
                sender.count_answer("192.0.2.1", log_entry(f"n{number}.example"), 1.5)
            sender.tick(100.0)
            let_a_second_pass(sender, 101.0)
            while sender.unconfirmed_count:
                await asyncio.sleep(0)
            assert recorder.count() == 3000

    run(story())


def test_a_batch_that_was_not_confirmed_is_sent_again_under_the_same_number() -> None:
    async def story() -> None:
        async with recording() as (recorder, sender):
            recorder.break_off = 2
            for second in range(5):
                sender.count_answer("192.0.2.1", log_entry("example.org"), 0.0)
                sender.tick(100.0 + second)
                await asyncio.sleep(0)
            sender.tick(200.0)
            while sender.unconfirmed_count:
                await asyncio.sleep(0.001)
            assert recorder.received > len(recorder.batches)  # some came twice
            assert recorder.count() == 5  # and counted once

    run(story())


def test_what_is_left_is_handed_over_at_the_end() -> None:
    async def story() -> None:
        recorder: FakeRecorder
        async with recording() as (recorder, sender):
            sender.count_answer("192.0.2.1", log_entry("first.example"), 0.0)
            sender.tick(100.0)
            sender.tick(101.0)
            await recorder.heard.wait()
            sender.count_answer("192.0.2.1", log_entry("last.example"), 0.0)
        assert recorder.count() == 2

    run(story())


def test_equal_answers_within_a_second_become_one_record() -> None:
    sender = QueryLogSender(None)
    records = handed_over(sender)
    for name in ("a.example", "a.example", "b.example"):
        sender.count_answer("192.0.2.1", log_entry(name), 2.0)
    sender.tick(100.2)
    assert records == []
    sender.tick(101.0)
    assert [(one.second, one.name, one.count, one.milliseconds) for one in records] == [
        (100, "a.example", 2, 4.0),
        (100, "b.example", 1, 2.0),
    ]


def test_a_second_is_handed_over_in_portions() -> None:
    sender = QueryLogSender(None)
    records = handed_over(sender)
    for number in range(3000):
        sender.count_answer("192.0.2.1", log_entry(f"n{number}.example"), 1.5)
    sender.tick(100.9)
    assert records == []
    sizes = []
    for tick in range(14):
        sender.tick(101.0 + tick / 20)
        sizes.append(len(records))
    assert 0 < sizes[0] <= 300
    assert sizes[11:] == [3000] * 3
    assert {one.second for one in records} == {100}


def test_a_refusal_at_the_very_end_of_a_second_is_no_part_of_its_portions() -> None:
    sender = QueryLogSender(None)
    records = handed_over(sender)
    for number in range(3000):
        sender.count_answer("192.0.2.1", log_entry(f"n{number}.example"), 1.5)
    sender.tick(100.9)
    sender.count_answer("192.0.2.1", log_entry("bets.example", "refused"), 0.0)
    sender.tick(101.0)
    assert "bets.example" in {one.name for one in records}


def test_a_refusal_does_not_wait_for_the_end_of_the_second() -> None:
    sender = QueryLogSender(None)
    records = handed_over(sender)
    sender.tick(100.0)
    sender.count_answer("192.0.2.1", log_entry("bets.example", "refused"), 0.0)
    sender.count_answer("192.0.2.1", log_entry("fine.example"), 0.0)
    sender.tick(100.05)
    assert [one.name for one in records] == ["bets.example"]


def test_a_replayed_refusal_does_not_wait_either() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    room.ask("bets.example")
    records = handed_over(room.query_log)
    room.resolver.tick(room.clock.now, 0.05)
    client = room.client(PUPIL)
    (finished,) = client.responses.values()
    client.log += [finished.log_entry] * 3
    client.has_replayed_block = finished.is_block
    room.resolver.tick(room.clock.now + 0.05, 0.05)
    assert [(one.name, one.count) for one in records] == [("bets.example", 1), ("bets.example", 3)]


@pytest.mark.parametrize("names", [10, 3 * MAX_TABLE_ROWS])
def test_without_a_recorder_memory_is_bounded_and_the_sum_stays_exact(names: int) -> None:
    sender = QueryLogSender(None)
    asked = 0
    for second in range(6):
        for number in range(names):
            sender.count_answer(f"192.0.2.{number % 30}", log_entry(f"n{second}-{number}.example"), 0.0)
            asked += 1
        let_a_second_pass(sender, 100.0 + second)
    let_a_second_pass(sender, 200.0)
    assert sender.unconfirmed_count < MAX_UNCONFIRMED_RECORDS + 3 * MAX_TABLE_ROWS
    sent = Counter[str]()
    for data in sender.delivery.unconfirmed.values():
        (body,) = FrameReader().feed(data)
        sent.update({"sum": total_count(decode_batch(body).records)})
    kept = sum(int(found[1]) for found in sender._table.values())
    assert sent["sum"] + kept == asked
