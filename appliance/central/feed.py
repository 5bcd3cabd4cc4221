"""Wakes those rooms and pages for whom something is new, as soon as anything was committed, by whichever process.

One thread for each process waits for commits (`appliance.central.change_channel`) and for the next opening or
request to end, brings the table of targets up to date, and decides who is woken. Who waits has a signal of its
own, so that a stream costs no thread, holds no lock and asks no database. By what a room calls is compared at each
line with the table's, so that one that has ended ends its feed.
"""

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from appliance.central.change_channel import ChangeListener
from appliance.central.room_copies import Arrival
from appliance.central.room_targets import RoomTargets
from appliance.central.store import Store
from appliance.protocol import Target
from appliance.signal import Signal
from appliance.web_server import KEEPALIVE_SECONDS

CLOCK_SECONDS = 600.0  # how often a stream without news says central's time
_KEEPALIVE_STEPS = 8  # in which the streams of one silence's length take their turns
_MAX_WAIT_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_CLOCK_CHECK_SECONDS = 1.0  # how soon a clock that was set is noticed while something is open

NOBODY = Arrival()

log = logging.getLogger("hallpass.central")


class Subscription:
    """One open stream."""

    def __init__(
        self, room_id: int = 0, credential: str = "", arrival: Arrival = NOBODY, ends_at: float = math.inf
    ) -> None:
        self.room_id = room_id
        self.arrival = arrival
        self.opened_at = time.monotonic()
        self.credential = credential
        self.ends_at = ends_at  # Unix seconds
        self.signal = Signal()


class Feed:
    """The news of one process of central."""

    def __init__(
        self,
        store: Store,
        targets: RoomTargets,
        now: Callable[[], datetime],
        *,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._store = store
        self._targets = targets
        self._now = now
        self._keepalive_seconds = keepalive_seconds
        self._lock = threading.Lock()  # of the two below; never held while anybody waits
        # Weakly, as a stream that was never begun cannot end; a `WeakSet` for each room would take a kilobyte.
        self._rooms: dict[int, list[weakref.ref[Subscription]]] = {}
        self._pages: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._pages_revision = 0
        self._stopping = threading.Event()
        self._listener: ChangeListener | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.woken_rooms = 0  # how often a room's stream was woken because something was new for it

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Send everyone who waits away, and stop listening."""
        self._stopping.set()
        with self._lock:
            everyone = [*self._pages, *(one for room_id in self._rooms for one in self._streams_of(room_id))]
        _wake(everyone)
        if self._listener is not None:
            self._listener.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def connected_rooms(self) -> frozenset[int]:
        """Return the rooms that hold a feed open."""
        with self._lock:
            return frozenset(room_id for room_id in self._rooms if self._streams_of(room_id))

    def arrivals(self, room_id: int) -> list[Arrival]:
        """Return who holds a feed of a room open, the newest last; without rooms of before."""
        with self._lock:
            streams = sorted(self._streams_of(room_id), key=lambda one: one.opened_at)
        return [one.arrival for one in streams if not one.arrival.is_of_before]

    def find_pairs(self, overlap_seconds: float) -> list[tuple[int, Arrival, Arrival]]:
        """Return the rooms as which two processes have been there for so long: the newer one, and the older."""
        with self._lock:
            crowded = {
                room_id: self._streams_of(room_id) for room_id, held in self._rooms.items() if len(held) > 1
            }
        found = []
        for room_id, streams in crowded.items():
            known = sorted((one for one in streams if not one.arrival.is_of_before), key=lambda one: one.opened_at)
            older = [one for one in known if one.arrival.process != known[-1].arrival.process]
            if older and time.monotonic() - known[-1].opened_at >= overlap_seconds:
                found.append((room_id, known[-1].arrival, older[-1].arrival))
        return found

    def watch_targets(
        self,
        room_id: int,
        credential: str | None = None,
        arrival: Arrival = NOBODY,
        ends_at: float = math.inf,
    ) -> Generator[Target | None, None, None]:
        """Return a stream of where a room should be, at once and whenever it changes; None after a silence.

        It is what was yielded last that begins a silence. The database is asked here, and not by the stream.
        `credential` is whose stream it is: it ends with that token or key, also where that ended while it was
        opened. `ends_at`: when the certificate with which it was opened ends (Unix seconds).
        Raises what SQLAlchemy raises.
        """
        entry = self._targets.current_entry(room_id)
        if credential is None:
            credential = "" if entry is None else entry.credential
        subscription = Subscription(room_id, credential, arrival, ends_at)
        with self._lock:
            self._rooms[room_id] = [weakref.ref(one) for one in (*self._streams_of(room_id), subscription)]
        return self._stream_targets(subscription)

    def watch_changes(self, since: int) -> Generator[bool, None, None]:
        """Return a stream of True whenever anything changed since a pages' revision, False after a silence."""
        subscription = Subscription()
        with self._lock:
            self._pages.add(subscription)
        return self._stream_changes(subscription, since)

    def _stream_targets(self, subscription: Subscription) -> Generator[Target | None, None, None]:
        sent: Target | None = None
        keepalive_at = clock_at = 0.0
        try:
            while not self._stopping.is_set():
                entry = self._targets.find_entry(subscription.room_id)
                if entry is None or not entry.credential or entry.credential != subscription.credential:
                    return  # it opens another one, and is told why it may not
                if self._now().timestamp() >= subscription.ends_at:
                    return  # likewise: it has to be renewed
                if subscription.arrival.next_link in entry.stopped_links:
                    return
                moment = time.monotonic()
                if entry.target == sent and moment < keepalive_at:
                    subscription.signal.wait(keepalive_at - moment)
                    continue
                line: Target | None = None
                if entry.target != sent or moment >= clock_at:
                    line = entry.to_line(self._now(), sent)
                    clock_at = moment + CLOCK_SECONDS
                sent, keepalive_at = entry.target, end_of_silence(moment, self._keepalive_seconds)
                yield line
        finally:
            with self._lock:
                streams = self._streams_of(subscription.room_id)
                self._rooms[subscription.room_id] = [
                    weakref.ref(one) for one in streams if one is not subscription
                ]

    def _stream_changes(self, subscription: Subscription, since: int) -> Generator[bool, None, None]:
        keepalive_at = time.monotonic() + self._keepalive_seconds
        try:
            while not self._stopping.is_set():
                revision = self._pages_revision
                if revision <= since and time.monotonic() < keepalive_at:
                    subscription.signal.wait(keepalive_at - time.monotonic())
                    continue
                keepalive_at = time.monotonic() + self._keepalive_seconds
                changed, since = revision > since, max(revision, since)
                yield changed
        finally:
            with self._lock:
                self._pages.discard(subscription)

    def _streams_of(self, room_id: int) -> list[Subscription]:
        """Return the streams of a room. Call it under the lock."""
        return [one for held in self._rooms.get(room_id, ()) if (one := held()) is not None]

    def _run(self) -> None:
        is_away = False
        while not self._stopping.is_set():
            try:
                if self._listener is None:
                    self._listener = self._store.listen_for_changes()
                self._look()
                is_away = False
                self._wait_for_news(self._listener)
            except (SQLAlchemyError, OSError) as problem:
                if not is_away:
                    log.warning("the database is away, everybody keeps what was said last: %s", problem)
                is_away = True
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:  # the one thread that wakes everybody must outlive whatever it finds
                log.exception("the feed stumbled")
                self._stopping.wait(_RETRY_SECONDS)
        if self._listener is not None:
            self._listener.close()

    def _wait_for_news(self, listener: ChangeListener) -> None:
        """Wait for a commit, or until an opening is over; a clock that was set is noticed within a second."""
        while not self._stopping.is_set():
            expiry = self._targets.seconds_until_expiry()
            if expiry is not None and expiry <= 0:
                return
            seconds = _MAX_WAIT_SECONDS if expiry is None else min(expiry, _CLOCK_CHECK_SECONDS)
            if listener.wait_for_change(seconds):
                return

    def _look(self) -> None:
        pages = self._store.revisions().pages
        self._targets.refresh_targets()
        changed = self._targets.take_changed()
        with self._lock:
            streams = [one for room_id in changed for one in self._streams_of(room_id)]
            if pages != self._pages_revision:
                self._pages_revision = pages
                _wake(self._pages)
        self.woken_rooms += len(streams)
        _wake(streams)


def _wake(subscriptions: Iterable[Subscription]) -> None:
    for one in subscriptions:
        one.signal.set()


def end_of_silence(since: float, longest_seconds: float) -> float:
    """Return when a silence that began at a moment ends: no later than it may, and together with others.

    Streams that are woken in one turn of the event loop cost half of what each costs alone (docs/performance.md).
    """
    step = longest_seconds / _KEEPALIVE_STEPS
    return (since + longest_seconds) // step * step
