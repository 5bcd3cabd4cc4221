"""Follows central: the feed says where the room should be, each of the others brings one thing there.

Tasks of one event loop, each with a state and retries of its own, each of which goes on whatever becomes of the
others:

- `FeedFollower` holds the feed open and hands on each target;
- `PolicySync`, `IndexSync`, `RequestsSync`, `AccountsSync`, `IncidentsSync`, `PageSync` bring one thing each to
  where the target says it is, `MirrorSync` the index while there is none; `LookupsSync` answers what the room is
  asked about its devices;
- `IdentitySync` sees to the room's own certificate;
- `OutboxDelivery` sends what waits; `HealthReport` says how the room is, `DeviceSightings` who;
- `_note_clock` writes down how far central's clock is ahead of the room's.

This file only ties them together. An epoch is taken in before anything of it is followed: what this room has
ended must be closed before a central that has forgotten it can open it again.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime

from appliance.protocol import HealthReceived, RoomHealth
from appliance.room import clock_difference, health
from appliance.room.agent import installer
from appliance.room.agent.accounts_sync import AccountsSync
from appliance.room.agent.audit_witness import AuditWitness
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_downloads import FeedLine
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.device_sightings import DeviceSightings
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.feed_follower import FeedFollower
from appliance.room.agent.health_report import HEALTH_SECONDS, OLD_HEALTH_SECONDS, HealthReport
from appliance.room.agent.identity_sync import IdentitySync
from appliance.room.agent.incidents_sync import IncidentsSync
from appliance.room.agent.index_sync import IndexSync
from appliance.room.agent.list_mirrors import ListMirrors
from appliance.room.agent.lookups_sync import AnswerLookup, LookupsSync, RevisionInEpoch, refuse_lookup
from appliance.room.agent.mirror_sync import MirrorSync
from appliance.room.agent.outbox_delivery import OutboxDelivery
from appliance.room.agent.page_sync import PageSync
from appliance.room.agent.policy_sync import PolicySync, WantedPolicy
from appliance.room.agent.requests_sync import RequestsSync, WantedRequests
from appliance.room.agent.signed_lists import SignedLists
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.file_state import FileState, read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.sign_in_offer import write_offer
from dns.coalesced_timers import sleep_coalesced

CLOCK_SECONDS = 1.0
MAX_CLOCK_DIFFERENCE_SECONDS = 60.0
INDEX_SPREAD_SECONDS = 60.0

log = logging.getLogger("hallpass.agent")


class CentralSync:
    """One room's way of following central."""

    def __init__(
        self,
        client: CentralClient,
        store: AgentStore,
        paths: RoomPaths,
        version: str,
        now: Callable[[], float] = time.time,
        *,
        index_spread_seconds: float = INDEX_SPREAD_SECONDS,
        mirrors: Sequence[str] = (),
        answer_lookup: AnswerLookup = refuse_lookup,
    ) -> None:
        self._client = client
        self._store = store
        self._paths = paths
        self._version = version
        self._now = now
        self._named_index: str | None = None  # by central's last line
        self._written_clock: tuple[FileState, float] | None = None  # the file as it was, and what it said
        self._epoch = ""  # that state.db is known to have: most lines name it, and need no look
        self.state = CentralState(now)
        self.ended_unblocks = EndedUnblocks(paths, store, self._now_as_datetime)
        self.audit_witness = AuditWitness(client, store)
        self.health = HealthReport(
            client, self.state, self._room_health, self._handle_health_answer, self._look_at_health
        )
        self.sightings = DeviceSightings(client, self.state)
        self.policy = PolicySync(client, paths, self.ended_unblocks, self.health.notify)
        identity = client.connection.identity
        signed = SignedLists(
            identity.lists_folder if identity is not None else None,
            client.fetch_signature,
            identity.earliest_time if identity is not None else now,
            is_pinned=lambda: client.connection.is_pinned,
        )
        list_mirrors = ListMirrors(mirrors, signed)
        self.index = IndexSync(
            client, paths, self.health.notify, index_spread_seconds, signed, mirrors=list_mirrors
        )
        self.mirrors = MirrorSync(list_mirrors, self.index, self.state, paths, now)
        self.outbox = OutboxDelivery(client, store, self.state, now, self.policy.check_ends)
        self.requests = RequestsSync(client, store, self._now_as_datetime, self.outbox.notify)
        self.accounts = AccountsSync(client, store, paths, self.central_ahead_seconds)
        self.lookups = LookupsSync(client, answer_lookup)
        self.incidents = IncidentsSync(client, store)
        self.pages = PageSync(client, paths, lambda: now() + self.central_ahead_seconds())
        self.identity: IdentitySync | None = None
        if identity is not None:
            self.identity = IdentitySync(client, identity, self.state, self.central_ahead_seconds)
        self.feed = FeedFollower(client, self.state, self._publish)
        self.state.listen(self._handle_state_change)

    async def _handle_health_answer(self, answer: HealthReceived) -> None:
        try:
            await run_blocking(write_offer, self._paths.sign_in_offer, answer.sign_in_url)
        except OSError as problem:
            log.warning("where teachers sign in cannot be noted: %s", problem)
        await self.audit_witness.handle_answer(answer)

    @property
    def is_reachable(self) -> bool:
        """Whether central can be reached."""
        return self.state.is_reachable

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """Return what has to run, for ever, as long as the room does."""
        return (
            self.feed.follow(),
            self.policy.follow(),
            self.index.follow(),
            self.requests.follow(),
            self.accounts.follow(),
            self.lookups.follow(),
            self.incidents.follow(),
            self.pages.follow(),
            self.outbox.deliver(),
            self.health.report(),
            self.sightings.report(),
            self._note_clock(),
            *((self.mirrors.follow(),) if self.mirrors.has_any else ()),
            *((self.identity.follow(),) if self.identity is not None else ()),
        )

    def notify_outbox(self) -> None:
        """Say that the outbox has something new."""
        self.outbox.notify()

    def index_age_seconds(self) -> float | None:
        """Return how many seconds ago the lists in use were fetched, or None where there are none yet."""
        try:
            fetched = (self._paths.index.resolve() / "index.hpx").stat().st_mtime
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return None
        return max(0.0, self._now() - fetched)

    def confirmed_index(self) -> str:
        """Return the hash of the index in use where central, which is reachable, names that very one; else ""."""
        if not self.is_reachable:
            return ""
        installed = installer.installed_index_version(self._paths)
        return installed if installed == self.index.wanted else ""

    def central_ahead_seconds(self) -> float:
        """Return by how much central's clock is ahead of the room's, as policies are made now."""
        return clock_difference.read_difference(self._paths.clock_difference)

    def do_clocks_differ(self) -> bool:
        """Tell whether central's clock and the room's are so far apart that a person should know."""
        difference = self._client.connection.clock.difference_seconds()
        return difference is not None and abs(difference) > MAX_CLOCK_DIFFERENCE_SECONDS

    def is_intercepted(self) -> bool:
        """Tell whether something on the way opens this room's connections to central."""
        identity = self._client.connection.identity
        return self.state.is_intercepted or (identity is not None and identity.is_intercepted)

    async def _publish(self, line: FeedLine) -> None:
        """Hand on where the room should be."""
        if line.epoch not in ("", self._epoch):
            try:
                await self._adopt_epoch(line.epoch)
            except (OSError, sqlite3.Error) as problem:
                log.warning("that central was restored cannot be noted: %s", problem)
        await run_blocking(self._note_clock_now)
        self.health.repeat_seconds = HEALTH_SECONDS if line.policy_digest else OLD_HEALTH_SECONDS
        if self.identity is not None:
            self.identity.set_wanted(line.authority)
        self.policy.set_wanted(WantedPolicy.from_line(line))
        self._named_index = line.index
        self.index.set_wanted(line.index)
        self.requests.set_wanted(WantedRequests.from_line(line))
        self.accounts.set_wanted(line.accounts)
        self.lookups.set_wanted(RevisionInEpoch(line.lookups, line.epoch))
        self.incidents.set_wanted(RevisionInEpoch(line.incidents, line.epoch))
        self.pages.set_wanted(line.pages)

    async def _adopt_epoch(self, epoch: str) -> None:
        if await run_blocking(self._store.adopt_epoch, epoch, self._now_as_datetime()):
            log.warning("central was restored from a backup: what it took today is sent again")
            await run_blocking(self.ended_unblocks.reconcile_stores)
            self.health.report_again()
            self.outbox.notify()
        self._epoch = epoch

    async def _note_clock(self) -> None:
        """See to it, for ever, that the difference of the clocks is known to whoever makes a policy."""
        while True:
            await sleep_coalesced(CLOCK_SECONDS)
            if not self._is_clock_written():
                await run_blocking(self._note_clock_now)

    def _is_clock_written(self) -> bool:
        """Tell whether the file is the one that was written, or read, last, and still says what is so."""
        difference = self._client.connection.clock.difference_seconds()
        if difference is None:
            return True
        if self._written_clock is None:
            return False
        state, said = self._written_clock
        is_near = abs(said - difference) < clock_difference.MIN_CHANGE_SECONDS
        return is_near and state == read_file_state(self._paths.clock_difference)

    def _note_clock_now(self) -> None:
        difference = self._client.connection.clock.difference_seconds()
        if difference is None:
            return
        path = self._paths.clock_difference
        try:
            clock_difference.write_difference(path, difference)
            self._written_clock = (read_file_state(path), clock_difference.read_difference(path))
        except OSError as problem:
            log.warning("how far central's clock is from this one cannot be noted: %s", problem)

    def _handle_state_change(self) -> None:
        self._store.revision += 1
        if self.is_reachable and self._named_index is not None:
            self.index.set_wanted(self._named_index)  # whatever a mirror said meanwhile
        self.health.notify()
        self.outbox.notify()

    def _look_at_health(self) -> object:
        paths = self._paths
        files = (paths.health_folder, paths.policy, paths.policy_digest)
        return (*map(read_file_state, files), installer.installed_index_version(paths))

    def _room_health(self) -> RoomHealth:
        conditions = {
            condition.value
            for process in health.read_health(self._paths.health_folder, self._now())
            for condition in process.conditions
        }
        policy = self.policy.installed_policy()
        return RoomHealth(
            version=self._version,
            policy=policy.version,
            policy_digest=policy.digest,
            index=installer.installed_index_version(self._paths),
            index_age_seconds=self.index_age_seconds() or 0.0,
            conditions=tuple(sorted(conditions)),
            clock_difference_seconds=self._client.connection.clock.difference_seconds(),
        )

    def _now_as_datetime(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)
