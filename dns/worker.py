"""One worker: an event loop that answers at its sockets until it is told to stop.

It looks four times a second whether the policy's files have changed, loads a new policy beside the loop, and
takes it over between two batches of questions. Where loading fails it keeps the last good policy and says so.

Twenty times a second it counts what was answered. Where nobody has asked anything for a while it rests: it looks
around at the same moments as it looks at the files, and the first question ends its rest, before it is answered.

The lists are mapped from a file, and a file can be damaged where it lies. So they are read whole every
`READ_WHOLE_SECONDS`, and at once when a question could not be answered; where they are no longer what they were,
the policy is loaded anew, which takes others. From the moment that somebody is seen to have written to the file
until then, what needs a decision fails: damaged lists open as readily as they close.

A worker that is *drained* (another one looks after the same sockets) takes no new questions and no new
connections, answers what it has, closes each connection when nothing is under way on it, and ends.
"""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import time
from collections.abc import Callable, Sequence

from dns.coalesced_timers import sleep_coalesced, timeout_coalesced
from dns.forward.upstreams import Upstreams
from dns.heartbeats import BEAT_SECONDS
from dns.policy.verdict import Policy
from dns.querylog.sender import QueryLogSender
from dns.resolver import Resolver
from dns.resolver_config import ResolverConfig
from dns.server.listeners import open_stream_listeners
from dns.server.sockets import WorkerSockets
from dns.server.stream_listener import StreamListener
from dns.server.udp import UdpListener
from dns.shared_usage import UsageColumn
from dns.worker_config import PolicySource, WorkerSettings, WorkerStatus

LINK_POLL_SECONDS = 2.0
TICK_SECONDS = 0.05  # a refusal must reach the lamp within 200 ms
POLICY_POLL_SECONDS = 0.25
IDLE_SECONDS = 2.0  # after so long without a question it rests, and ticks when the files are looked at
READ_WHOLE_SECONDS = 60.0
READ_AGAIN_SECONDS = 1.0  # at most so often where questions fail for another reason
REPORT_SECONDS = 5.0
DRAIN_SECONDS = 10.0  # for what is under way when another worker takes over
CLOCK_JUMP_SECONDS = 5.0  # beyond this a difference between the two clocks is somebody setting one

_log = logging.getLogger(__name__)


class Worker:
    """Composes a resolver with its listeners, and looks after it."""

    def __init__(
        self,
        settings: WorkerSettings,
        sockets: WorkerSockets,
        source: PolicySource,
        *,
        report_status: Callable[[WorkerStatus], None] = lambda _condition: None,
        beat: Callable[[], None] = lambda: None,
        usage: UsageColumn | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._source = source
        self._report_status = report_status
        self._beat = beat
        self._clock = clock
        self.policy_problem = ""
        self._stopping = asyncio.Event()
        self._touched = asyncio.Event()
        self._asked = asyncio.Event()
        self._held_for: Policy | None = None  # the policy whose lists were written to
        self._seen_at = (time.monotonic(), clock())  # when the clocks were compared last
        self._is_draining = False
        self._mistakes = 0  # of the resolver's, those after which the lists were read
        self._read_whole_at = time.monotonic()
        self._upstreams = Upstreams(settings.upstreams, settings.forward_zones)
        self._query_log = QueryLogSender(settings.query_log_socket)
        self.resolver = Resolver(
            ResolverConfig(
                policy=source.current(),
                upstream=self._upstreams,
                query_log=self._query_log,
                cache=settings.make_cache(),
                local_zones=settings.local_zones,
                clock=clock,
                networks=(*settings.networks, *settings.link_networks()),
                rate_limit=settings.rate_limit,
                usage=usage,
                page_addresses=settings.page_addresses,
                cookie_secret=settings.cookie_secret,
            )
        )
        self._upstreams.on_recovery = self.resolver.handle_upstream_recovery

    def stop(self) -> None:
        """End `run`, in good order."""
        self._is_draining = False
        self._stopping.set()

    def drain(self) -> None:
        """End `run` as soon as what is under way has been answered: another worker has taken over."""
        self._is_draining = True
        self._stopping.set()

    async def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        """Answer until `stop` is called."""
        loop = asyncio.get_running_loop()
        await self._upstreams.start()
        self._query_log.start()
        udp_listeners = [UdpListener(sock, self.resolver, loop) for sock in self._sockets.udp]
        stream_listeners = list(
            open_stream_listeners(
                self._sockets,
                self.resolver.handle_stream_query,
                self.resolver.is_client_allowed,
                limits=self._settings.limits,
                certificate=self._settings.certificate,
                clock=loop.time,
            )
        )
        for listener in udp_listeners:
            listener.start_answering()
        for stream_listener in stream_listeners:
            stream_listener.start_accepting()
        # What exists now lives as long as the worker: no collection need look at it again.
        gc.collect()
        gc.freeze()
        # Answers come and go without cycles: looking for some after every 700 objects cost a quarter of each
        # miss. What fills the cache is not worth a look either; cycles are found once there are so many objects.
        gc.set_threshold(200_000, 10, 10)
        ready()
        jobs = (
            self._report, self._tick, self._poll_policy, self._beat_regularly, self._follow_links,
        )  # fmt: skip
        tasks = [asyncio.create_task(job()) for job in jobs]
        try:
            await self._stopping.wait()
            tasks[0].cancel()  # how this place is, is its new worker's to say
            await self._drain(udp_listeners, stream_listeners)
        finally:
            for listener in udp_listeners:
                listener.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._upstreams.close()
            for stream_listener in stream_listeners:
                await stream_listener.close()
            self.resolver.tick(self._clock(), 0.0)
            await self._query_log.flush_and_close()

    async def _drain(
        self, udp_listeners: Sequence[UdpListener], stream_listeners: Sequence[StreamListener]
    ) -> None:
        """Answer what is under way, and take nothing new, for as long as nobody says `stop`."""
        if not self._is_draining:
            return
        for listener in udp_listeners:
            listener.drain()
        for stream_listener in stream_listeners:
            stream_listener.drain()
        until = time.monotonic() + DRAIN_SECONDS
        while self._is_draining and time.monotonic() < until:
            if not self.resolver.pending_count and not any(map(len, stream_listeners)):
                break
            await asyncio.sleep(TICK_SECONDS)

    async def _beat_regularly(self) -> None:
        """Say, from the loop that answers, that it turns (`dns.heartbeats`)."""
        while True:
            self._beat()
            await sleep_coalesced(BEAT_SECONDS)

    async def _follow_links(self) -> None:
        """Let devices ask that stand in a network which this machine's links have only now."""
        known: tuple[str, ...] | None = None
        while True:
            found = self._settings.link_networks()
            if found != known:
                known = found
                self.resolver.clients.replace_networks((*self._settings.networks, *found))
            await sleep_coalesced(LINK_POLL_SECONDS)

    async def _tick(self) -> None:
        """Count what was answered, and hold what needs a decision as soon as the lists' file was written to."""
        ticked_at = time.monotonic()
        rest_from = ticked_at + IDLE_SECONDS
        while True:
            if ticked_at < rest_from:
                await asyncio.sleep(TICK_SECONDS)
            elif await self._rest():
                rest_from = time.monotonic() + IDLE_SECONDS
            now = time.monotonic()
            self._look_around()
            if self.resolver.tick(self._clock(), now - ticked_at):
                rest_from = now + IDLE_SECONDS
            ticked_at = now

    async def _rest(self) -> bool:
        """Wait until somebody asks, at most until it is time to look around; tell whether somebody did."""
        self._asked.clear()
        self.resolver.on_next_query = self._end_rest
        with contextlib.suppress(TimeoutError):
            async with timeout_coalesced(POLICY_POLL_SECONDS):
                await self._asked.wait()
        self.resolver.on_next_query = None
        return self._asked.is_set()

    def _end_rest(self) -> None:
        """Look around before the first question after a rest is answered, then tick as usual."""
        self._look_around()
        self._asked.set()

    def _look_around(self) -> None:
        """See whether the clock has jumped, and whether somebody wrote to the lists' file."""
        (steady, wall), self._seen_at = self._seen_at, (time.monotonic(), self._clock())
        if abs(self._seen_at[1] - wall - (self._seen_at[0] - steady)) > CLOCK_JUMP_SECONDS:
            self.resolver.handle_clock_jump()
        if self.resolver.policy is not self._held_for and self._source.is_touched():
            self._held_for = self.resolver.policy
            self.resolver.hold()
            self._touched.set()

    async def _poll_policy(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                async with timeout_coalesced(POLICY_POLL_SECONDS):
                    await self._touched.wait()
            touched = self._touched.is_set()
            self._touched.clear()
            try:
                if not touched and not self._source.has_changed() and not await self._is_damaged(loop):
                    continue
                policy = await loop.run_in_executor(None, self._source.load)
                self.resolver.replace_policy(policy)
                if touched:
                    # A file's times are set before its content: whoever writes may still have been at it.
                    self._read_whole_at = time.monotonic() - READ_WHOLE_SECONDS + READ_AGAIN_SECONDS
            except ValueError as problem:
                self.policy_problem = str(problem)
                _log.warning("keeping the policy as it was: %s", problem)
            except Exception as problem:  # a mistake of ours must not end filtering  # noqa: BLE001
                self.policy_problem = f"the policy could not be loaded: {problem}"
                _log.exception("keeping the policy as it was")
            else:
                self.policy_problem = ""

    async def _is_damaged(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Read the lists where it is time to, or where questions fail; tell whether they are damaged."""
        since = time.monotonic() - self._read_whole_at
        fails = self.resolver.mistakes != self._mistakes
        if since < (READ_AGAIN_SECONDS if fails else READ_WHOLE_SECONDS):
            return False
        self._mistakes = self.resolver.mistakes
        self._read_whole_at = time.monotonic()
        return not await loop.run_in_executor(None, self._source.is_whole)

    async def _report(self) -> None:
        certificate = self._settings.certificate
        while True:
            if certificate is not None:
                certificate.reload_if_due()  # also where nobody connects: how it stands is to be known
            self._report_status(
                WorkerStatus(
                    upstreams_down_since=self._upstreams.down_since(),
                    upstream_states=self._upstreams.states(),
                    policy_problem=self.policy_problem,
                    certificate_problem=certificate.describe_problem() if certificate is not None else "",
                    policy_version=self.resolver.policy.version,
                    unconfirmed_records=self._query_log.unconfirmed_count,
                    nameless_answers=self._query_log.nameless_count,
                    packet_cache_hits=self.resolver.replayed_count,
                    message_cache_hits=self.resolver.cache.hit_count,
                    forwarded_queries=self.resolver.forwarded_count,
                )
            )
            await sleep_coalesced(REPORT_SECONDS)


def run_worker(make: Callable[[], Worker], ready: Callable[[], None] = lambda: None) -> None:
    """Run a worker in this process until SIGTERM, or until SIGUSR1 says that another one has taken over."""

    async def until_stopped() -> None:
        worker = make()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, worker.stop)
        loop.add_signal_handler(signal.SIGUSR1, worker.drain)
        await worker.serve(ready)

    _raise_descriptor_limit()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(until_stopped())


def _raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as the system gives it unasked for; the usual 1024 are too few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
