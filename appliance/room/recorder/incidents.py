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
from dns.policy.tunnel import Finding
from dns.records import QueryRecord

BYPASS_CATEGORY = "circumvention"
BYPASS_MINUTES = 60
DEVICES = 1024
REFUSALS = 500  # remembered of each device
EVIDENCE_NAMES = 5

Kind = Literal["locked-category", "many-refusals", "tunnel", "bypass"]


class _Seen:
    """What one device was refused lately."""

    def __init__(self) -> None:
        self.refusals: deque[tuple[int, str, int]] = deque(maxlen=REFUSALS)  # second, name, count
        self.bypasses: deque[tuple[int, str, int]] = deque(maxlen=REFUSALS)
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
        found = []
        if record.step == "locked" or record.category in self.locked:
            cause = f"locked {record.category}"
            evidence = (f"asked for {record.name} ({record.category or 'locked by a rule'}), refused",)
            found.append(self._incident("locked-category", cause, record, token, evidence))
        if record.step != "bypass":
            found += [self._many(seen, record, token), self._bypass(seen, record, token)]
        return [one for one in found if one is not None]

    def tunnel(self, finding: Finding, token: str) -> list[Incident]:
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
        limits = self.limits
        names = _within(seen.refusals, record, limits.many_minutes)
        if names.total() < limits.many_refusals:
            return None
        evidence = (
            f"{names.total()} refusals of {len(names)} different names within {limits.many_minutes} minutes",
            *(f"{name}: {count} times" for name, count in names.most_common(EVIDENCE_NAMES)),
        )
        return self._incident("many-refusals", "many", record, token, evidence)

    def _bypass(self, seen: _Seen, record: QueryRecord, token: str) -> Incident | None:
        if record.category != BYPASS_CATEGORY:
            return None
        names = _within(seen.bypasses, record, BYPASS_MINUTES)
        if len(names) < self.limits.bypass_names:
            return None
        evidence = (
            f"{len(names)} different ways round the filter asked for within {BYPASS_MINUTES} minutes",
            *(f"{name}: {count} times" for name, count in names.most_common(EVIDENCE_NAMES)),
        )
        return self._incident("bypass", "bypass", record, token, evidence)

    def _incident(
        self, kind: Kind, cause: str, record: QueryRecord, token: str, evidence: tuple[str, ...]
    ) -> Incident | None:
        if not self._may_tell(self._seen(token), cause, record.second):
            return None
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


def _within(lately: deque[tuple[int, str, int]], record: QueryRecord, minutes: int) -> Counter[str]:
    """Take a record in, let go of what is older than so many minutes, and count the names that are left."""
    lately.append((record.second, record.name, record.count))
    while lately[0][0] < record.second - minutes * 60:
        lately.popleft()
    names: Counter[str] = Counter()
    for _, name, count in lately:
        names[name] += count
    return names
