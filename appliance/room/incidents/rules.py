"""Rules that turn records into incidents for the safeguarding lead.

- locked category: something was asked for that nobody can open; the first time counts.
- many refusals: one device was refused `many_refusals` times within `many_minutes`.
- bypass: one device asked for `bypass_names` different ways round the filter within an hour. Names that browsers
  ask for by themselves (step "bypass") do not count.
- tunnel: `dns.policy.tunnel` says so.

The limits stand in the policy (`IncidentThresholds`). Each incident names the device by its token and carries
its evidence. The same device and cause make no second one for `again_minutes`. Pure: told of records and times;
memory is bounded by `DEVICES`.
"""

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Literal

from appliance.protocol import Incident
from dns.policy.document import IncidentThresholds
from dns.policy.tunnel import TunnelFinding
from dns.querylog.records import QueryRecord

BYPASS_CATEGORY = "circumvention"
BYPASS_MINUTES = 60
DEVICES = 1024
REFUSALS = 500  # remembered of each device
EVIDENCE_NAMES = 5

Kind = Literal["locked-category", "many-refusals", "tunnel", "bypass"]


class _Lately:
    """Names that a device was refused within some minutes, counted as they come and go."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, str, int]] = deque()  # second, name, count
        self.names: Counter[str] = Counter()
        self.total = 0

    def add(self, record: QueryRecord, minutes: int) -> None:
        """Take a record in, and let go of what is older than so many minutes."""
        kept = self._kept
        kept.append((record.second, record.name, record.count))
        self.names[record.name] += record.count
        self.total += record.count
        begin = record.second - minutes * 60
        while kept[0][0] < begin or len(kept) > REFUSALS:
            _, name, count = kept.popleft()
            self.total -= count
            self.names[name] -= count
            if not self.names[name]:
                del self.names[name]


class _Seen:
    """What one device was refused lately."""

    def __init__(self) -> None:
        self.refusals = _Lately()
        self.bypasses = _Lately()
        self.told: dict[str, float] = {}  # cause: when


class IncidentRules:
    """Follows the records of a room's devices."""

    def __init__(
        self,
        limits: IncidentThresholds | None = None,
        locked: Collection[str] = (),
        make_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.limits = limits or IncidentThresholds()
        self.locked = frozenset(locked)
        self._make_id = make_id
        self._devices: OrderedDict[str, _Seen] = OrderedDict()

    def refused(self, record: QueryRecord, token: str) -> list[Incident]:
        """Take a refused record of the device with this token; return what it amounts to."""
        seen = self._seen(token)
        found: list[Incident | None] = []
        locked = record.step == "locked" or record.category in self.locked
        if locked and self._may_tell(seen, f"locked {record.category}", record.second):
            evidence = (f"asked for {record.name} ({record.category or 'locked by a rule'}), refused",)
            found.append(self._incident("locked-category", record, token, evidence))
        if record.step != "bypass":
            found += [self._many(seen, record, token), self._bypass(seen, record, token)]
        return [one for one in found if one is not None]

    def tunnel(self, finding: TunnelFinding, token: str) -> list[Incident]:
        """Take a finding of the tunnel detector."""
        last = datetime.fromtimestamp(finding.first, UTC)
        seen = self._seen(token)
        if not self._may_tell(seen, f"tunnel {finding.parent}", finding.first):
            return []
        return [
            Incident(
                id=self._make_id(), kind="tunnel", happened_at=last, device=token, evidence=finding.evidence()
            )
        ]

    def _many(self, seen: _Seen, record: QueryRecord, token: str) -> Incident | None:
        limits, lately = self.limits, seen.refusals
        lately.add(record, limits.many_minutes)
        if lately.total < limits.many_refusals or not self._may_tell(seen, "many", record.second):
            return None
        said = (
            f"{lately.total} refusals of {len(lately.names)} different names within {limits.many_minutes} minutes"
        )
        return self._incident("many-refusals", record, token, (said, *_most(lately.names)))

    def _bypass(self, seen: _Seen, record: QueryRecord, token: str) -> Incident | None:
        if record.category != BYPASS_CATEGORY:
            return None
        names = seen.bypasses.names
        seen.bypasses.add(record, BYPASS_MINUTES)
        if len(names) < self.limits.bypass_names or not self._may_tell(seen, "bypass", record.second):
            return None
        said = f"{len(names)} different ways round the filter asked for within {BYPASS_MINUTES} minutes"
        return self._incident("bypass", record, token, (said, *_most(names)))

    def _incident(self, kind: Kind, record: QueryRecord, token: str, evidence: tuple[str, ...]) -> Incident:
        happened = datetime.fromtimestamp(record.second, UTC)
        return Incident(id=self._make_id(), kind=kind, happened_at=happened, device=token, evidence=evidence)

    def _may_tell(self, seen: _Seen, cause: str, second: float) -> bool:
        told = seen.told.get(cause)
        if told is not None and abs(second - told) < self.limits.again_minutes * 60:
            return False
        seen.told[cause] = second
        return True

    def _seen(self, token: str) -> _Seen:
        seen = self._devices.get(token)
        if seen is None:
            seen = self._devices[token] = _Seen()
            if len(self._devices) > DEVICES:
                self._devices.popitem(last=False)
        else:
            self._devices.move_to_end(token)
        return seen


def _most(names: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{name}: {count} times" for name, count in names.most_common(EVIDENCE_NAMES))
