"""Teachers' lesson plans, in state.db (`appliance.room.lesson_plans`). Only the owner changes or deletes one."""

import logging
from datetime import datetime, timedelta

import msgspec

from appliance.errors import HallpassError
from appliance.room import lesson_plans
from appliance.room.agent.database import AgentDatabase
from appliance.room.lesson_plans import LessonPlan
from dns.errors import DECODING_FAILED

_decoder = msgspec.json.Decoder(LessonPlan)
log = logging.getLogger("hallpass.agent")


class PlanTable(AgentDatabase):
    """The plans of a room's teachers."""

    def save_plan(self, plan: LessonPlan, now: datetime) -> None:
        """Keep a plan, new or changed. Raises HallpassError where it is another's, or one too many."""
        with self._transaction():
            self._forget_old_plans(now)
            rows = self._connection.execute(
                "SELECT id, owner, shared FROM lesson_plans WHERE deleted_at IS NULL"
            ).fetchall()
            owner = next((row[1] for row in rows if row[0] == plan.id), plan.owner)
            if owner != plan.owner:
                raise HallpassError("That plan is a colleague's: make your own of it")
            others = [row for row in rows if row[0] != plan.id]
            if sum(row[1] == plan.owner for row in others) >= lesson_plans.MAX_OWN:
                raise HallpassError(f"You have {lesson_plans.MAX_OWN} plans: please delete one first")
            if plan.shared and sum(row[2] for row in others) >= lesson_plans.MAX_SHARED:
                raise HallpassError(
                    "This room has as many shared plans as it can keep: keep this one for yourself"
                )
            self._connection.execute(
                "INSERT OR REPLACE INTO lesson_plans (id, owner, shared, body, changed_at, deleted_at)"
                " VALUES (?, ?, ?, ?, ?, NULL)",
                (plan.id, plan.owner, plan.shared, msgspec.json.encode(plan), now.timestamp()),
            )

    def add_plan_request(self, plan_id: str, who: str, request: str) -> None:
        """Note that a request was made of a plan."""
        with self._transaction():
            plan = next((one for one in self._load_plans(who) if one.id == plan_id and one.owner == who), None)
            if plan is not None and request not in plan.requests:
                plan = msgspec.structs.replace(plan, requests=(*plan.requests, request)[-20:])
                self._connection.execute(
                    "UPDATE lesson_plans SET body = ? WHERE id = ?", (msgspec.json.encode(plan), plan_id)
                )

    def set_plan_deleted(self, plan_id: str, who: str, now: datetime, *, deleted: bool) -> None:
        """Delete one's own plan, or put it back."""
        with self._transaction():
            self._connection.execute(
                "UPDATE lesson_plans SET deleted_at = ? WHERE id = ? AND owner = ?",
                (now.timestamp() if deleted else None, plan_id, who),
            )

    def list_plans(self, who: str) -> tuple[LessonPlan, ...]:
        """Return somebody's plans, and those that are shared, the last changed first."""
        with self.lock:
            return self._load_plans(who)

    def _load_plans(self, who: str) -> tuple[LessonPlan, ...]:
        rows = self._connection.execute(
            "SELECT body FROM lesson_plans WHERE deleted_at IS NULL AND (owner = ? OR shared)"
            " ORDER BY changed_at DESC, id",
            (who,),
        ).fetchall()
        found = []
        for row in rows:
            try:
                found.append(_decoder.decode(row[0]))
            except DECODING_FAILED:  # a bit of it fell over
                log.exception("a lesson plan that was kept cannot be read")
        return tuple(found)

    def _forget_old_plans(self, now: datetime) -> None:
        unused = now - timedelta(days=lesson_plans.KEPT_DAYS)
        gone = now - timedelta(days=lesson_plans.UNDO_DAYS)
        self._connection.execute(
            "DELETE FROM lesson_plans WHERE changed_at < ? OR deleted_at < ?",
            (unused.timestamp(), gone.timestamp()),
        )
