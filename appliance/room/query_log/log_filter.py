"""Which entries of the log somebody wants to see, as they say it and as SQL does."""

from datetime import datetime

import msgspec

from appliance.room.query_log.columns import ID_BITS, QTYPE_NAMES
from dns.querylog.records import BLOCKED_VERDICTS

_QTYPES = {name: number for number, name in QTYPE_NAMES.items()}


class QueryLogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries somebody wants to see. Everything that is given must hold."""

    name: str = ""  # a part of the name
    device: str = ""
    devices: tuple[str, ...] = ()  # any of these: one device may have several tokens
    verdict: str = ""
    category: str = ""
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def where_clause(self) -> tuple[str, tuple[object, ...]]:
        """Return what must hold of an entry in SQL, and the values that stand in it."""
        parts: list[tuple[str, object]] = []
        if self.name:
            escaped = self.name.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            parts.append((r"n.name LIKE ? ESCAPE '\'", f"%{escaped}%"))
        if self.device:
            parts.append(("q.device_id = (SELECT id FROM devices WHERE token = ?)", self.device))
        if self.devices:
            any_of = "(SELECT id FROM devices WHERE token IN (SELECT value FROM json_each(?)))"
            parts.append((f"q.device_id IN {any_of}", msgspec.json.encode(self.devices).decode()))
        if self.verdict:
            parts.append(("o.verdict = ?", self.verdict))
        if self.verdict in BLOCKED_VERDICTS:
            parts.append(("q.closed = 1 AND ?", 1))
        if self.category:
            parts.append(("o.category = ?", self.category))
        if self.type:
            number = _QTYPES.get(self.type.upper()) or self.type.upper().removeprefix("TYPE")
            parts.append(("q.qtype = CAST(? AS INTEGER)", number))
        if self.since is not None:
            parts.append(("q.id >= ?", unix_second(self.since) << ID_BITS))
        if self.until is not None:
            parts.append(("q.id < ?", unix_second(self.until) << ID_BITS))
        return " AND ".join(part for part, _ in parts) or "1", tuple(value for _, value in parts)


def unix_second(moment: datetime | None) -> int:
    """Return a moment as rows count it; None is the beginning of everything."""
    return int(moment.timestamp()) if moment else 0
