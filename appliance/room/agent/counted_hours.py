"""Up to which hour central has the room's counts."""

from appliance.room.agent.database import AgentDatabase


class CountedHours(AgentDatabase):
    """What state.db holds of the counts that were told."""

    def counted_hour(self) -> int:
        """Return the last hour (since 1970) whose counts central has as they will stay; 0: none."""
        return int(self._rows("SELECT coalesce(max(hour), 0) FROM counted_hours")[0][0])

    def set_counted_hour(self, hour: int) -> None:
        """Note that central has everything up to an hour."""
        with self._transaction():
            self._connection.execute("DELETE FROM counted_hours")
            self._connection.execute("INSERT INTO counted_hours (hour) VALUES (?)", (hour,))
