"""What a teacher may decide in the room alone: lessons, pauses, suspensions, delegated openings.

Each decision takes effect through `RoomPaths.own` and is told to central for its audit. Times are UTC.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RoomAction, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent.ended_unblocks import Closings
from appliance.room.agent.store import Memory
from appliance.room.current_policy import PolicyInUse
from appliance.room.local_overrides import OwnDecisions
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from dns.errors import InvalidName
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.document import Lesson, Pause, Suspension, Unblock
from dns.policy.site_names import check_opening

LONGEST_MINUTES = 8 * 60
MOST_SITES = 50
TOKEN_DIGITS = 12


class Deciding:
    """The room's own decisions, for the agent, which alone writes them."""

    def __init__(
        self,
        paths: RoomPaths,
        policy: PolicyInUse,
        memory: Memory,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._paths = paths
        self._policy = policy
        self._memory = memory
        self._now = now
        self._closings = Closings(paths, memory, now)

    def in_force(self) -> OwnDecisions:
        """Return what the room has decided and is not over."""
        decisions = local_overrides.read(self._paths.own, self._now().timestamp())
        return msgspec.structs.replace(decisions, closings=(), damaged=False)

    def close(self, request_id: str) -> None:
        """Take back a request to central, or end what central opened for it. Raises HallpassError."""
        self._closings.close(request_id)

    def start_lesson(self, who: str, sites: tuple[str, ...], minutes: int, title: str) -> None:
        """Let the room reach only these sites for a time. Raises HallpassError with what is wrong."""
        named = tuple(dict.fromkeys(_name(site) for site in sites))
        if not 0 < len(named) <= MOST_SITES:
            raise HallpassError(f"A lesson has from one to {MOST_SITES} sites")
        since, until = self._span(minutes)
        lesson = Lesson(id=_new_id(), sites=named, since=since, until=until, by=who, title=title[:200])
        self._add(lesson, who, "lesson started", f"{', '.join(named)} for {minutes} minutes")

    def pause(self, who: str, minutes: int) -> None:
        """Close everything but the appliance for a time. Raises HallpassError."""
        since, until = self._span(minutes)
        pause = Pause(id=_new_id(), since=since, until=until, by=who)
        self._add(pause, who, "room paused", f"for {minutes} minutes")

    def suspend(self, who: str, token: str, minutes: int) -> None:
        """Leave one device, known by its token, without the internet for a time. Raises HallpassError."""
        since, until = self._span(minutes)
        question = control.LookUp(token=token, who=who, reason=f"suspended for {minutes} minutes")
        address = control.ask(self._paths.log_socket, question).address
        if not address:
            raise HallpassError("That device is not known in this room")
        # Pages show the token and never the address: the id begins with it.
        suspension = Suspension(
            id=token + secrets.token_hex((32 - TOKEN_DIGITS) // 2),
            device=address,
            since=since,
            until=until,
            by=who,
        )
        self._add(suspension, who, "device suspended", f"{token} for {minutes} minutes")

    def open_alone(self, request: UnblockRequest) -> datetime | None:
        """Open a site that is delegated to teachers; return until when, or None where it has to wait."""
        now = self._now()
        wish = DelegationRequest(
            site=request.site,
            minutes=request.minutes,
            also=request.also,
            unblocked_today=self._opened_today(request.teacher, now),
        )
        try:
            view = self._policy.pupils()
            if not check_delegation(view, wish, now.timestamp()).allowed:
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
            groups=(view.group,),  # what was decided for this group is granted to no other
            by=request.teacher,
        )
        detail = f"{request.site} for {request.minutes} minutes: {request.reason}"
        self._add(unblock, request.teacher, "opened without waiting", detail)
        return until

    def end(self, who: str, decision_id: str) -> bool:
        """End a decision now; return whether it was in force."""
        found = self.in_force().find(decision_id)
        if found is None:
            return False
        self._write(self._remembered().without(decision_id))
        kind = {Lesson: "lesson", Pause: "pause", Suspension: "suspension", Unblock: "opening"}[type(found)]
        self._tell(who, f"{kind} ended", "")
        return True

    def _add(self, decision: local_overrides.Decision, who: str, what: str, detail: str) -> None:
        self._write(self._remembered().added(decision))
        self._tell(who, what, detail)

    def _write(self, decisions: OwnDecisions) -> None:
        local_overrides.write(self._paths.own, self._closings.carried(decisions))

    def _remembered(self) -> OwnDecisions:
        return local_overrides.remembered(self._paths.own, self._now().timestamp())

    def _tell(self, who: str, what: str, detail: str) -> None:
        action = RoomAction(id=_new_id(), who=who, what=what, detail=detail[:2000], happened_at=self._now())
        self._memory.post("action", action.id, msgspec.json.encode(action))

    def _span(self, minutes: int) -> tuple[datetime, datetime]:
        if not 1 <= minutes <= LONGEST_MINUTES:
            raise HallpassError(f"This lasts from one minute to {LONGEST_MINUTES // 60} hours")
        now = self._now()
        return now, now + timedelta(minutes=minutes)

    def _opened_today(self, who: str, now: datetime) -> int:
        midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        mine = (state for state in self._memory.requests(midnight.astimezone(UTC)) if state.request.teacher == who)
        return sum(state.decided_by == who for state in mine)


def _new_id() -> str:
    return secrets.token_hex(16)


def _name(site: str) -> str:
    try:
        return check_opening(site)
    except InvalidName as problem:
        raise HallpassError(str(problem)) from None
