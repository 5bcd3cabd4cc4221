"""A device's limit holds over all workers together."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.clients import raw_address
from dns.pipeline.context import Transport
from dns.shared_usage import MAX_WORKERS, SharedUsage
from tests.fakes.resolvers import InTest, question

TICK = 0.05
RATE = 100


def test_what_one_process_counts_another_one_sees() -> None:
    shared = SharedUsage()
    mine = shared.column(1, 2)
    assert mine is not None
    slot = mine.slot_of(b"\x7f\0\0\1")
    child = os.fork()
    if child == 0:
        theirs = shared.column(2, 2)
        assert theirs is not None
        theirs.add(slot, 41)
        theirs.add(slot, 1)
        os._exit(0)
    os.waitpid(child, 0)

    assert mine.others(slot) == 42
    mine.add(slot, 7)
    assert mine.others(slot) == 42


def test_counts_that_wrap_around_are_still_told_apart() -> None:
    shared = SharedUsage()
    mine, theirs = shared.column(1, 2), shared.column(2, 2)
    assert mine is not None
    assert theirs is not None
    theirs.add(5, 0xFFFFFFFF)
    before = mine.others(5)
    theirs.add(5, 3)

    assert (mine.others(5) - before) & 0xFFFFFFFF == 3


@pytest.mark.parametrize(("number", "workers"), [(1, 1), (1, MAX_WORKERS + 1), (3, 2)])
def test_a_worker_alone_or_beyond_the_table_counts_for_itself(number: int, workers: int) -> None:
    assert SharedUsage().column(number, workers) is None


def answered(room: InTest, queries: int, address: str, transport: Transport = "udp") -> int:
    packets = [
        room.send(question("example.org", identity=number), address, transport)[0] for number in range(queries)
    ]
    return sum(not packet[2] & 0x02 and not packet[3] & 0x0F for packet in packets)  # neither TC nor REFUSED


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=40))
def test_all_workers_together_answer_a_device_no_more_than_its_limit(ticks: list[list[int]]) -> None:
    shared = SharedUsage()
    rooms = [InTest(rate_limit=RATE, usage=shared.column(number, 3)) for number in (1, 2, 3)]
    total = 0
    for tick in ticks:
        for room, queries in zip(rooms, tick, strict=True):
            total += answered(room, queries, "127.0.0.1")
        for room in rooms:
            room.resolver.tick(room.clock.now, TICK)

    assert total <= len(rooms) * RATE + RATE * TICK * len(ticks)  # what each may give at once, and the rate


def test_a_device_within_its_limit_and_another_one_are_never_held_back() -> None:
    shared = SharedUsage()
    columns = [shared.column(number, 2) for number in (1, 2)]
    rooms = [InTest(rate_limit=RATE, usage=column) for column in columns]
    assert columns[0] is not None
    place = columns[0].slot_of(raw_address("127.0.0.1"))
    others = (f"127.0.0.{number}" for number in range(2, 9))
    other = next(one for one in others if columns[0].slot_of(raw_address(one)) != place)
    for _ in range(100):
        for room in rooms:
            assert answered(room, 2, "127.0.0.1") == 2  # 80 a second, by both
            answered(room, 40, other)
        for room in rooms:
            room.resolver.tick(room.clock.now, TICK)


def test_what_a_device_asks_over_connections_is_not_taken_from_what_it_may_ask_over_udp() -> None:
    shared = SharedUsage()
    rooms = [InTest(rate_limit=RATE, usage=shared.column(number, 2)) for number in (1, 2)]
    assert answered(rooms[0], 2 * RATE, "127.0.0.1", "tcp") == RATE
    for room in rooms:
        room.resolver.tick(room.clock.now, 0.0)

    assert answered(rooms[1], 1, "127.0.0.1", "tcp") == 1  # a new device there, before it is told of
    for room in rooms:
        room.resolver.tick(room.clock.now, 0.0)
    assert answered(rooms[0], RATE, "127.0.0.1") == RATE


def test_a_device_that_spends_its_limit_over_connections_of_one_worker_has_none_left_at_another() -> None:
    shared = SharedUsage()
    rooms = [InTest(rate_limit=RATE, usage=shared.column(number, 2)) for number in (1, 2)]
    for room in rooms:
        assert answered(room, 1, "127.0.0.1", "tls") == 1
    assert answered(rooms[0], RATE, "127.0.0.1", "tls") == RATE - 1
    for room in rooms:
        room.resolver.tick(room.clock.now, 0.0)

    assert answered(rooms[1], RATE, "127.0.0.1", "https") == 0


def test_all_workers_together_answer_no_more_over_connections_of_any_kind() -> None:
    shared = SharedUsage()
    rooms = [InTest(rate_limit=RATE, usage=shared.column(number, 3)) for number in (1, 2, 3)]
    transports: tuple[Transport, ...] = ("tcp", "tls", "https")
    total = 0
    for tick in range(40):
        for room in rooms:
            total += answered(room, 20, "127.0.0.1", transports[tick % 3])
        for room in rooms:
            room.resolver.tick(room.clock.now, TICK)

    assert total <= len(rooms) * RATE + RATE * TICK * 40
