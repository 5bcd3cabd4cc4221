"""What the benchmark of central looks at while many rooms follow it: at rest, a decision, all back at once."""

import argparse
import asyncio
import contextlib
import time

from tests.bench.central_service import (
    HOST,
    Central,
    Coordinator,
    approve_one,
    percentile,
    report,
    running,
    until_all,
)


async def at_rest(central: Central, options: argparse.Namespace) -> None:
    """At rest: no feed cut, a line each 10 s, no growth; 30 rooms <= 1 % of a core, 150 MB; 5,000 5 %, 350 MB."""
    async with running(central):
        await until_all(central.rooms, lambda room: room.policy is not None, 600)
        await asyncio.sleep(10)
        for room in central.rooms:
            room.cuts, room.longest_silence = 0, 0.0  # what came before is not rest
        begun, cpu, memory, own = time.monotonic(), central.cpu(), central.megabytes(), central.own_megabytes()
        await asyncio.sleep(options.minutes * 60)
        share = (central.cpu() - cpu) / (time.monotonic() - begun)
        report("rooms in step", sum(room.policy is not None for room in central.rooms), "all")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")
        report("s without a line: longest", round(max(room.longest_silence for room in central.rooms), 2), "<= 10")
        report("of a core, %", round(100 * share, 2), "<= 1 (5,000 rooms: 5)")
        report("MB (PSS), at first", round(memory, 1), "<= 150 (5,000 rooms: 350)")
        report("MB (PSS), at last", round(central.megabytes(), 1), "no growth")
        report("MB (anonymous), at first", round(own, 1), "")
        report("MB (anonymous), at last", round(central.own_megabytes(), 1), "no growth")


async def approvals(central: Central, options: argparse.Namespace) -> None:
    """An approval for the school -> the last room: 100 rooms p99 <= 0.5 s, 1,000 rooms <= 5 s; pages meanwhile."""
    async with running(central) as coordinator:
        looking = asyncio.create_task(coordinator.keep_looking())
        spent = [await approve_one(central, coordinator, "school") for _ in range(options.times)]
        looking.cancel()
        report("last room, s: median", round(percentile(spent, 50), 3), "")
        report("last room, s: p99", round(percentile(spent, 99), 3), "<= 0.5 (1,000 rooms: 5)")
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 0.2 (100 rooms)")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")


async def one_room(central: Central, options: argparse.Namespace) -> None:
    """A change for one room wakes none of the others."""
    async with running(central) as coordinator:
        await asyncio.sleep(2)
        others = central.rooms[1:]
        lines = sum(room.lines for room in others)
        spent = [await approve_one(central, coordinator, "room") for _ in range(options.times)]
        report("the room, s: p99", round(percentile(spent, 99), 3), "<= 0.5")
        report("lines for other rooms", sum(room.lines for room in others) - lines, "0")


async def coming_back(central: Central, options: argparse.Namespace) -> None:
    """All come back at once: in step <= 15 s, pages <= 1 s meanwhile, no error seen by a room."""
    async with running(central):
        await asyncio.to_thread(central.stop)
        await until_all(central.rooms, lambda room: not room.is_connected, 30)
        await asyncio.sleep(2)
        for room in central.rooms:
            room.policy, room.errors = None, []  # what it saw of the stop itself is not what this is about
        back = time.monotonic()
        await asyncio.to_thread(central.start)
        async with contextlib.aclosing(Coordinator(central)) as coordinator:
            await coordinator.sign_in()
            looking = asyncio.create_task(coordinator.keep_looking())
            whole = await until_all(central.rooms, lambda room: room.policy is not None, 120)
            report("all in step after start, s", round(time.monotonic() - back, 1) if whole else "never", "<= 15")
            while not coordinator.page_seconds:
                await asyncio.sleep(0.05)
            looking.cancel()
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 1")
        # Until its port is open every room is refused, which is what being away means.
        wrong = [error for room in central.rooms for error in room.errors if "ConnectionRefused" not in error]
        report("errors seen by rooms", len(wrong), "0")
        for error in sorted(set(wrong))[:5]:
            report("  ", error, "")


async def slow_clients(central: Central, options: argparse.Namespace) -> None:
    """5,000 half-open or byte-a-second connections from one address: pages <= 1 s for others."""
    async with running(central) as coordinator:
        slow = [asyncio.create_task(_hold(central.port, number)) for number in range(options.connections)]
        await asyncio.sleep(5)
        looking = asyncio.create_task(coordinator.keep_looking())
        await asyncio.sleep(20)
        looking.cancel()
        for task in slow:
            task.cancel()
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 1")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")


async def _hold(port: int, number: int) -> None:
    """Open a connection from 127.0.0.2 and say a byte a second, or nothing; open another where it is ended."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=("127.0.0.2", 0))
            while not reader.at_eof() and not writer.is_closing():
                if number % 2:
                    writer.write(b"\x16")
                await asyncio.sleep(1)
            writer.close()
        await asyncio.sleep(0.5)
