"""An upstream whose answers to real questions are mutated, beside two good ones.

`python -m tests.fuzz.mutated_upstream`. Everything about an answer is mutated but its data (whoever is trusted
with those may say anything): id, flags, counts, question, owners, types, classes, lengths, cuts, additions,
silence.

What must hold, for as long as it runs:

- every name is answered, and never by a failure: two servers are well;
- no address is ever given that is not the name's own, and none is remembered;
- nothing is left waiting, and memory stays flat.

An hour of it is part of `make fuzz`; some hundred names are part of `make test`.
"""

import argparse
import asyncio
import random
import resource
import sys
import time
import zlib
from collections.abc import Iterable

import dnslib

from dns.cache import MessageCache
from dns.forward.upstreams import Upstreams
from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.scanner import scan_message
from dns.querylog.sender import QueryLogSender
from dns.resolver import Resolver
from dns.resolver_config import ResolverConfig
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, question
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import ReceivedQuery, Reply, late

RETRY_SECONDS = 0.15
TOGETHER = 40  # names that are asked at once
GROWTH_KILOBYTES = 32 * 1024  # that a long run may take beyond what it had after its first minute
_HEADER_BYTES = 12


class Mutant:
    """Answers as `fake.honest` does, but for one mutation in most answers."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways = (
            self._cut,
            self._add,
            self._change_header,
            self._change_question,
            self._change_record,
            self._insert,
            self._only_header,
        )

    def __call__(self, asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        chance = self._random.random()
        if chance < 0.1:
            return []
        data = answer if chance < 0.2 else self._random.choice(self._ways)(asked, answer)
        replies = [Reply(data, self._random.choice((0.0, 0.0, 0.02)))]
        if chance > 0.9:
            replies.append(Reply(answer, 0.03))  # the genuine one follows
        return replies

    def _cut(self, _: ReceivedQuery, answer: bytes) -> bytes:
        return answer[: self._random.randrange(len(answer))]

    def _add(self, _: ReceivedQuery, answer: bytes) -> bytes:
        return answer + self._random.randbytes(self._random.randrange(1, 60))

    def _change_header(self, _: ReceivedQuery, answer: bytes) -> bytes:
        return self._change(answer, 0, _HEADER_BYTES)

    def _change_question(self, asked: ReceivedQuery, answer: bytes) -> bytes:
        return self._change(answer, _HEADER_BYTES, _question_end(asked))

    def _change_record(self, asked: ReceivedQuery, answer: bytes) -> bytes:
        """Change a record's owner, type, class, time to live or length."""
        end = _question_end(asked)
        return self._change(answer, end, min(end + 12, len(answer)))

    def _insert(self, asked: ReceivedQuery, answer: bytes) -> bytes:
        end = _question_end(asked)
        return answer[:end] + self._random.randbytes(self._random.randrange(1, 20)) + answer[end:]

    def _only_header(self, _: ReceivedQuery, answer: bytes) -> bytes:
        return answer[:3] + bytes((0x80 | self._random.randrange(16),)) + bytes(8)

    def _change(self, answer: bytes, start: int, end: int) -> bytes:
        if start >= end:
            return answer
        at = self._random.randrange(start, end)
        return answer[:at] + self._random.randbytes(1) + answer[at + 1 :]


def true_address(name: str) -> str:
    return f"192.0.2.{zlib.crc32(name.encode()) % 254 + 1}"


class MutationRun:
    """Asks names through a resolver with three upstreams, and notes whatever must not be."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked = 0
        self.wrong: list[str] = []
        self.cache = MessageCache(max_bytes=1 << 20)

    async def run(self, *, names: int = 0, seconds: float = 0.0, report: bool = False) -> None:
        good = late(0.01)
        with (
            FakeUpstream(behave=Mutant(self.seed)) as mutant,
            FakeUpstream(behave=good) as one,
            FakeUpstream(behave=good) as two,
        ):
            servers = (mutant, one, two)
            upstreams = Upstreams([server.address for server in servers], retry_seconds=RETRY_SECONDS)
            await upstreams.start()
            try:
                await self._ask_until_done(upstreams, servers, names, seconds, report=report)
                self.mutated = sum(1 for asked in mutant.asked if asked.name)
            finally:
                await upstreams.close()

    async def _ask_until_done(
        self, upstreams: Upstreams, servers: tuple[FakeUpstream, ...], names: int, seconds: float, *, report: bool
    ) -> None:
        resolver = Resolver(
            ResolverConfig(
                policy=FakePolicy(),
                upstream=upstreams,
                query_log=QueryLogSender(None),
                cache=self.cache,
                clock=time.time,
                networks=("127.0.0.0/8",),
            )
        )
        ends, began, said_at, first = time.monotonic() + seconds, time.monotonic(), 0.0, 0
        while self.asked < names or time.monotonic() < ends:
            batch = [f"n{self.asked + number}-{self.seed}.example.org" for number in range(TOGETHER)]
            for server in servers:
                server.records = {(name, "A"): [true_address(name)] for name in batch}
                if seconds:
                    server.asked.clear()
            await asyncio.gather(*(self._ask(resolver, name) for name in batch))
            self.asked += len(batch)
            resolver.tick(time.time(), 0.0)  # as a worker does: what was answered is counted, and let go
            self._look_at_cache()
            if resolver.pending_count:
                self.wrong.append(f"{resolver.pending_count} questions wait on")
            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            first = first or (size if time.monotonic() > began + 60 else 0)
            if first and size > first + GROWTH_KILOBYTES:
                self.wrong.append(f"memory grew from {first} to {size} kilobytes")
            if report and time.monotonic() > said_at + 60:
                said_at = time.monotonic()
                sys.stdout.write(f"{self.asked} names, {size} kilobytes, {len(self.wrong)} wrong\n")
                sys.stdout.flush()
            if self.wrong:
                return

    async def _ask(self, resolver: Resolver, name: str) -> None:
        replied: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        resolver.handle_stream_query(question(name), PUPIL, replied.set_result, "tcp")
        try:
            async with asyncio.timeout(30):
                reply = dnslib.DNSRecord.parse(await replied)
        except TimeoutError:
            self.wrong.append(f"{name}: never answered")
            return
        if reply.header.rcode != Rcode.NOERROR:  # every name has an address
            self.wrong.append(f"{name}: {Rcode(reply.header.rcode).name}")
        self._compare(name, "given", reply)

    def _look_at_cache(self) -> None:
        for (name, _, _), cached in self.cache._entries.items():
            if any(record.rclass != RecordClass.IN for record in scan_message(cached.message).answer):
                self.wrong.append(f"{name}: remembered in another class")
            self._compare(name, "remembered", dnslib.DNSRecord.parse(cached.message))

    def _compare(self, name: str, how: str, message: dnslib.DNSRecord) -> None:
        found = {str(record.rdata) for record in message.rr if record.rtype == RecordType.A}
        if found - {true_address(name)}:
            self.wrong.append(f"{name}: {how} {found}, not {true_address(name)}")
        if how == "remembered" and not found:
            self.wrong.append(f"{name}: remembered without its address: {message}")


def _question_end(asked: ReceivedQuery) -> int:
    return _HEADER_BYTES + len(asked.record.q.qname.idna()) + 1 + 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutated_upstream", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF)
    asked = parser.parse_args()
    made = MutationRun(asked.seed)
    sys.stdout.write(f"seed {asked.seed}\n")
    asyncio.run(made.run(seconds=asked.seconds, report=True))
    sys.stdout.write("\n".join((f"{made.asked} names", *made.wrong[:20])) + "\n")
    return 1 if made.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
