"""What a teacher may decide in the room alone: lessons, pauses, suspensions, delegated openings.

Each decision takes effect through `RoomPaths.local_overrides` and is told to central for its audit. Times are UTC,
by the room's own clock. Decisions wait for the disk and may come from several threads: `AgentStore.lock`.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RoomAction, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.store import AgentStore
from appliance.room.current_policy import CurrentPolicy
from appliance.room.local_overrides import LocalOverrides
from appliance.room.neighbours import read_neighbour_table
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.school_time import find_midnight
from dns.errors import InvalidName
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.document import ONE_DEVICE, Lesson, Pause, Suspension, Unblock
from dns.policy.site_names import check_opening

MAX_MINUTES = 8 * 60
MAX_SITES = 50
PSEUDONYM_DIGITS = 12


class FoundDevice(msgspec.Struct, frozen=True):
    """A device of this room: where it is now, and by what it is known.

    Known by its MAC address where the network tells one: an address may be another device's in an hour.
    """

    address: str
    member: str  # written like a member of a group


class RoomDecisions:
    """The room's own decisions, for the agent, which alone writes them."""

    def __init__(
        self,
        paths: RoomPaths,
        policy: CurrentPolicy,
        store: AgentStore,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        read_neighbours: Callable[[], dict[str, str]] = read_neighbour_table,
    ) -> None:
        self._read_neighbours = read_neighbours
        self._paths = paths
        self._policy = policy
        self._store = store
        self._now = now
        self._ended_unblocks = EndedUnblocks(paths, store, now)

    def active_overrides(self) -> LocalOverrides:
        """Return what the room has decided and is not over."""
        overrides = local_overrides.read_active_overrides(self._paths.local_overrides, self._now().timestamp())
        return msgspec.structs.replace(overrides, closings=(), devices=(), damaged=False)

    def end_unblock(self, who: str, request_id: str) -> None:
        """Take back a request to central, or end what central opened for it. Raises HallpassError."""
        self._ended_unblocks.end_unblock(request_id, by=who)

    def start_lesson(self, who: str, sites: tuple[str, ...], minutes: int, title: str) -> None:
        """Let the room reach only these sites for a time. Raises HallpassError with what is wrong."""
        named = tuple(dict.fromkeys(_check_site(site) for site in sites))
        if not 0 < len(named) <= MAX_SITES:
            raise HallpassError(f"A lesson has from one to {MAX_SITES} sites")
        since, until = self._span(minutes)
        lesson = Lesson(id=_new_id(), sites=named, since=since, until=until, by=who, title=title[:200])
        self._add_override(lesson, who, "lesson started", f"{', '.join(named)} for {minutes} minutes")

    def pause_room(self, who: str, minutes: int) -> None:
        """Close everything but the appliance for a time. Raises HallpassError."""
        since, until = self._span(minutes)
        pause = Pause(id=_new_id(), since=since, until=until, by=who)
        self._add_override(pause, who, "room paused", f"for {minutes} minutes")

    def suspend_device(self, who: str, token: str, minutes: int) -> None:
        """Leave one device, known by its token, without the internet for a time. Raises HallpassError."""
        since, until = self._span(minutes)
        address = self._find_address(token, who, f"suspended for {minutes} minutes")
        # Pages show the token and never the address: the id begins with it.
        suspension = Suspension(
            id=token + secrets.token_hex((32 - PSEUDONYM_DIGITS) // 2),
            device=address,
            since=since,
            until=until,
            by=who,
        )
        self._add_override(suspension, who, "device suspended", f"{token} for {minutes} minutes")

    def find_request_device(self, request: UnblockRequest) -> FoundDevice | None:
        """Return the device that a request is for; None: it is for the room. Raises HallpassError."""
        if not request.device:
            return None
        address = self._find_address(request.device, request.teacher, f"asked for {request.site}")
        return FoundDevice(address, self._read_neighbours().get(address) or address)

    def write_request_devices(self) -> None:
        """Have the resolver know for which devices requests are. Raises OSError or sqlite3.Error."""
        with self._store.lock:
            self._write_overrides(self._read_overrides())

    def _find_address(self, token: str, who: str, reason: str) -> str:
        lookup = control.LookupRequest(token=token, who=who, reason=reason)
        address = control.send_control_request(self._paths.query_log_control_socket, lookup).address
        if not address:
            raise HallpassError("That device is not known in this room")
        return address

    def grant_delegated_unblock(
        self, request: UnblockRequest, device: FoundDevice | None = None
    ) -> datetime | None:
        """Open a site that is delegated to teachers; return until when, or None where it has to wait.

        `device`: for this one alone. What is for a lesson to come waits: whoever decides should know of it.
        """
        if request.since is not None:
            return None
        now = self._now()
        try:
            zone = ZoneInfo(self._policy.load_if_changed().document.timezone)
            delegation = DelegationRequest(
                site=request.site,
                minutes=request.minutes,
                also=request.also,
                unblocked_today=self._granted_today(request.teacher, find_midnight(now, zone)),
            )
            view = self._policy.view_of_default_group()
            if device is not None:  # it may be in another group
                view = self._policy.load_if_changed().view(device.address)
            if not check_delegation(view, delegation, now.timestamp()).allowed:
                return None
        except HallpassError:
            return None  # a policy that cannot be read delegates nothing
        until = now + timedelta(minutes=request.minutes)
        unblock = Unblock(
            id=request.id,
            site=request.site,
            also=request.also,
            since=now,
            until=until,
            device=device.member if device is not None else "",
            groups=(ONE_DEVICE,) if device is not None else (view.group,),  # no other
            by=request.teacher,
        )
        detail = f"{request.site} for {request.minutes} minutes: {request.reason}"
        self._add_override(unblock, request.teacher, "opened without waiting", detail)
        return until

    def end_override(self, who: str, override_id: str) -> bool:
        """End a decision now; return whether it was in force."""
        with self._store.lock:
            found = self.active_overrides().find_override(override_id)
            if found is None:
                return False
            self._write_overrides(self._read_overrides().without_override(override_id))
        kind = {Lesson: "lesson", Pause: "pause", Suspension: "suspension", Unblock: "opening"}[type(found)]
        self._post_action(who, f"{kind} ended", "")
        return True

    def _add_override(self, override: local_overrides.LocalOverride, who: str, what: str, detail: str) -> None:
        with self._store.lock:
            self._write_overrides(self._read_overrides().with_override(override))
        self._post_action(who, what, detail)

    def _write_overrides(self, overrides: LocalOverrides) -> None:
        local_overrides.write_overrides(
            self._paths.local_overrides, self._ended_unblocks.with_ended_unblocks(overrides)
        )

    def _read_overrides(self) -> LocalOverrides:
        return local_overrides.read_kept_overrides(self._paths.local_overrides, self._now().timestamp())

    def _post_action(self, who: str, what: str, detail: str) -> None:
        action = RoomAction(id=_new_id(), who=who, what=what, detail=detail[:2000], happened_at=self._now())
        self._store.post_message("action", action.id, msgspec.json.encode(action))

    def _span(self, minutes: int) -> tuple[datetime, datetime]:
        if not 1 <= minutes <= MAX_MINUTES:
            raise HallpassError(f"This lasts from one minute to {MAX_MINUTES // 60} hours")
        now = self._now()
        return now, now + timedelta(minutes=minutes)

    def _granted_today(self, who: str, midnight: datetime) -> int:
        mine = (
            state for state in self._store.list_requests(midnight.astimezone(UTC)) if state.request.teacher == who
        )
        return sum(state.decided_by == who for state in mine)


def _new_id() -> str:
    return secrets.token_hex(16)


def _check_site(site: str) -> str:
    try:
        return check_opening(site)
    except InvalidName as problem:
        raise HallpassError(str(problem)) from None
