"""One worker: an event loop that answers at its sockets until it is told to stop.

It looks four times a second whether the policy's files have changed, loads a new policy beside the loop, and
takes it over between two batches of questions. Where loading fails it keeps the last good policy and says so.

The lists are mapped from a file, and a file can be damaged where it lies. So they are read whole every
`READ_WHOLE_SECONDS`, and at once when a question could not be answered; where they are no longer what they were,
the policy is loaded anew, which takes others. From the moment that somebody is seen to have written to the file
until then, what needs a decision fails: damaged lists open as readily as they close.

A worker that is *relieved* (another one looks after the same sockets) takes no new questions and no new
connections, answers what it has, parts with each connection when nothing is under way on it, and ends.
"""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dns.cache import RecordCache
from dns.forward.health import State
from dns.forward.server import Address
from dns.forward.upstreams import Forward, Upstreams
from dns.pipeline.local_zones import LocalNames
from dns.policy.verdict import Policy
from dns.querylog.sender import Reporter
from dns.resolver import Resolver, Surroundings
from dns.server import tls
from dns.server.connection_limiter import House, Limits
from dns.server.sockets import Sockets
from dns.server.stream_listener import Door
from dns.server.tcp import TcpConnection
from dns.server.tls import Certificate
from dns.server.udp import UdpListener

TICK_SECONDS = 0.05  # a refusal must reach the lamp within 200 ms
LOOK_SECONDS = 0.25
READ_WHOLE_SECONDS = 60.0
READ_AGAIN_SECONDS = 1.0  # at most so often where questions fail for another reason
SAY_SECONDS = 5.0
LEAVING_SECONDS = 10.0  # for what is under way when another worker takes over
CLOCK_JUMP_SECONDS = 5.0  # beyond this a difference between the two clocks is somebody setting one

_log = logging.getLogger(__name__)


class PolicySource(Protocol):
    """Where the policy comes from."""

    def current(self) -> Policy:
        """Return the policy that was loaded last."""

    def has_changed(self) -> bool:
        """Tell whether the files differ from those that were tried last. Cheap: called four times a second."""

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file that is mapped. Cheap: called twenty times a second."""

    def load(self) -> Policy:
        """Load the policy anew. Called outside the loop's thread. Raises ValueError that says why, in one line."""

    def is_whole(self) -> bool:
        """Read what is mapped; tell whether it is what was opened. Called outside the loop's thread."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is."""

    upstreams_down_since: float | None = None
    upstreams: tuple[State, ...] = ()
    policy_problem: str = ""
    policy_version: int = 0
    unconfirmed_records: int = 0


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a room works with."""

    networks: tuple[str, ...]
    upstreams: tuple[Address, ...]
    forwards: tuple[Forward, ...] = ()
    rate_limit: int = 0
    recorder: Path | None = None
    page: Callable[[], Sequence[str]] = tuple
    cookie_secret: bytes = b""
    cache: Callable[[], RecordCache] = RecordCache
    local: LocalNames | None = None
    limits: Limits = Limits()
    certificate: tuple[Path, Path] | None = None  # and its key; for the sockets of TLS and HTTPS


class Worker:
    """Composes a resolver with its listeners, and looks after it."""

    def __init__(
        self,
        settings: WorkerSettings,
        sockets: Sockets,
        source: PolicySource,
        *,
        say: Callable[[Condition], None] = lambda _condition: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._source = source
        self._say = say
        self._clock = clock
        self.policy_problem = ""
        self._stopping = asyncio.Event()
        self._touched = asyncio.Event()
        self._is_relieved = False
        self._mistakes = 0  # of the resolver's, those after which the lists were read
        self._read_whole_at = time.monotonic()
        self._house = House(settings.limits)
        self._upstreams = Upstreams(settings.upstreams, settings.forwards)
        self._reporter = Reporter(settings.recorder)
        self.resolver = Resolver(
            Surroundings(
                policy=source.current(),
                upstream=self._upstreams,
                reporter=self._reporter,
                cache=settings.cache(),
                local=settings.local,
                clock=clock,
                networks=settings.networks,
                rate_limit=settings.rate_limit,
                page=settings.page,
                cookie_secret=settings.cookie_secret,
            )
        )

    def stop(self) -> None:
        """End `run`, in good order."""
        self._is_relieved = False
        self._stopping.set()

    def relieve(self) -> None:
        """End `run` as soon as what is under way has been answered: another worker has taken over."""
        self._is_relieved = True
        self._stopping.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Answer until `stop` is called."""
        loop = asyncio.get_running_loop()
        await self._upstreams.start()
        self._reporter.start()
        listeners = [UdpListener(sock, self.resolver, loop) for sock in self._sockets.udp]
        doors = [self._door(sock, loop) for sock in self._sockets.tcp]
        doors += self._encrypted_doors(loop)
        for listener in listeners:
            listener.open()
        for door in doors:
            door.open()
        # What exists now lives as long as the worker: no collection need look at it again.
        gc.collect()
        gc.freeze()
        # Answers come and go without cycles: looking for some after every 700 objects cost a quarter of each
        # miss. What fills the cache is not worth a look either; cycles are found once there are so many objects.
        gc.set_threshold(200_000, 10, 10)
        ready()
        tasks = [asyncio.create_task(task()) for task in (self._tell, self._tick, self._look, self._guard)]
        try:
            await self._stopping.wait()
            tasks[0].cancel()  # how this place is, is its new worker's to say
            await self._finish(listeners, doors)
        finally:
            for listener in listeners:
                listener.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._upstreams.close()
            for door in doors:
                await door.close()
            self.resolver.tick(self._clock(), 0.0)
            await self._reporter.close()

    async def _finish(self, listeners: Sequence[UdpListener], doors: Sequence[Door]) -> None:
        """Answer what is under way, and take nothing new, for as long as nobody says `stop`."""
        if not self._is_relieved:
            return
        for listener in listeners:
            listener.rest()
        for door in doors:
            door.rest()
        until = time.monotonic() + LEAVING_SECONDS
        while self._is_relieved and time.monotonic() < until:
            if not self.resolver.waiting and not any(map(len, doors)):
                break
            await asyncio.sleep(TICK_SECONDS)

    def _door(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> Door:
        def make(address: str, now: float) -> TcpConnection:
            limits = self._settings.limits
            return TcpConnection(address, now, handle=self.resolver.handle, limits=limits, clock=loop.time)

        return Door(sock, make, limits=self._settings.limits, house=self._house, welcome=self.resolver.is_welcome)

    def _encrypted_doors(self, loop: asyncio.AbstractEventLoop) -> Iterator[Door]:
        files, sockets, settings = self._settings.certificate, self._sockets, self._settings
        if files is None or not (sockets.tls or sockets.https):
            return
        for sock in sockets.tls:
            certificate = Certificate(*files, [tls.PROTOCOL], loop.time)
            yield tls.tls_door(
                sock,
                self.resolver.handle,
                certificate,
                limits=settings.limits,
                house=self._house,
                welcome=self.resolver.is_welcome,
            )
        if sockets.https:
            # Only who serves HTTPS pays for its library.
            from dns.server import https  # noqa: PLC0415 (see the line above)

            for sock in sockets.https:
                certificate = Certificate(*files, [https.PROTOCOL], loop.time)
                yield https.https_door(
                    sock,
                    self.resolver.handle,
                    certificate,
                    limits=settings.limits,
                    house=self._house,
                    welcome=self.resolver.is_welcome,
                )

    async def _tick(self) -> None:
        steady, wall = time.monotonic(), self._clock()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now_steady, now = time.monotonic(), self._clock()
            seconds = now_steady - steady
            if abs(now - wall - seconds) > CLOCK_JUMP_SECONDS:
                self.resolver.clock_was_set()
            self.resolver.tick(now, seconds)
            steady, wall = now_steady, now

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._touched.wait()
            touched = self._touched.is_set()
            self._touched.clear()
            try:
                if not touched and not self._source.has_changed() and not await self._is_damaged(loop):
                    continue
                policy = await loop.run_in_executor(None, self._source.load)
                self.resolver.swap(policy)
            except ValueError as problem:
                self.policy_problem = str(problem)
                _log.warning("keeping the policy as it was: %s", problem)
            except Exception as problem:  # a mistake of ours must not end filtering  # noqa: BLE001
                self.policy_problem = f"the policy could not be loaded: {problem}"
                _log.exception("keeping the policy as it was")
            else:
                self.policy_problem = ""

    async def _guard(self) -> None:
        held_for: Policy | None = None
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self.resolver.policy is not held_for and self._source.is_touched():
                held_for = self.resolver.policy
                self.resolver.hold()
                self._touched.set()

    async def _is_damaged(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Read the lists where it is time to, or where questions fail; tell whether they are damaged."""
        since = time.monotonic() - self._read_whole_at
        fails = self.resolver.mistakes != self._mistakes
        if since < (READ_AGAIN_SECONDS if fails else READ_WHOLE_SECONDS):
            return False
        self._mistakes = self.resolver.mistakes
        self._read_whole_at = time.monotonic()
        return not await loop.run_in_executor(None, self._source.is_whole)

    async def _tell(self) -> None:
        while True:
            self._say(
                Condition(
                    upstreams_down_since=self._upstreams.down_since(),
                    upstreams=self._upstreams.states(),
                    policy_problem=self.policy_problem,
                    policy_version=self.resolver.policy.version,
                    unconfirmed_records=self._reporter.unconfirmed,
                )
            )
            await asyncio.sleep(SAY_SECONDS)


def run_worker(make: Callable[[], Worker], ready: Callable[[], None] = lambda: None) -> None:
    """Run a worker in this process until SIGTERM, or until SIGUSR1 says that another one has taken over."""

    async def until_stopped() -> None:
        worker = make()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, worker.stop)
        loop.add_signal_handler(signal.SIGUSR1, worker.relieve)
        await worker.run(ready)

    _allow_connections()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(until_stopped())


def _allow_connections() -> None:
    """Let this process have as many descriptors as the system gives it unasked for; the usual 1024 are too few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
