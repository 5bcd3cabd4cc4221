"""Rules that turn records into incidents for the safeguarding lead.

- locked category: something was asked for that nobody can open; the first time counts.
- many refusals: one device was refused `many_refusals` times within `many_minutes`.
- bypass: one device asked for `bypass_names` different ways round the filter within an hour.
- tunnel: `dns.policy.tunnel` says so.

Refusals by quiet steps (`dns.policy.steps.STEPS`) raise and count towards nothing: names that browsers ask for by
themselves, and all that a device's background asks for while a lesson, a pause or a suspension closes it. Nor are
refusals counted (`counts_refusals`) where a room without a policy yet closes everything that its lists know.

The limits stand in the policy (`IncidentThresholds`). Each incident names the device by its pseudonym and carries
its evidence. The same device and cause make no second one for `again_minutes`. Pure: told of records and times;
memory is bounded by `MAX_DEVICES`.
"""

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Literal

from appliance.protocol import Incident
from dns.policy.document import IncidentThresholds
from dns.policy.steps import STEPS
from dns.policy.tunnel_values import TunnelFinding
from dns.querylog.records import QueryRecord

BYPASS_CATEGORY = "circumvention"
BYPASS_MINUTES = 60
MAX_DEVICES = 1024
MAX_BLOCKS_PER_DEVICE = 500  # remembered of each device
EVIDENCE_NAMES = 5

IncidentKind = Literal["locked-category", "many-refusals", "tunnel", "bypass"]


class _RecentBlocks:
    """Names that a device was refused within some minutes, counted as they come and go."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, str, int]] = deque()  # second, name, count
        self.names: Counter[str] = Counter()
        self.total = 0

    def add_record(self, record: QueryRecord, minutes: int) -> None:
        """Take a record in, and let go of what is older than so many minutes."""
        kept = self._kept
        kept.append((record.second, record.name, record.count))
        self.names[record.name] += record.count
        self.total += record.count
        begin = record.second - minutes * 60
        while kept[0][0] < begin or len(kept) > MAX_BLOCKS_PER_DEVICE:
            _, name, count = kept.popleft()
            self.total -= count
            self.names[name] -= count
            if not self.names[name]:
                del self.names[name]


class _DeviceHistory:
    """What one device was refused lately."""

    def __init__(self) -> None:
        self.blocks = _RecentBlocks()
        self.bypasses = _RecentBlocks()
        self.reported_at: dict[str, float] = {}  # cause: when


class IncidentRules:
    """Follows the records of a room's devices."""

    def __init__(
        self,
        thresholds: IncidentThresholds | None = None,
        locked_categories: Collection[str] = (),
        make_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.thresholds = thresholds or IncidentThresholds()
        self.locked_categories = frozenset(locked_categories)
        self.counts_refusals = True  # False: nobody has told this room what to close
        self._make_id = make_id
        self._devices: OrderedDict[str, _DeviceHistory] = OrderedDict()

    def observe_blocked(self, record: QueryRecord, pseudonym: str) -> list[Incident]:
        """Take a refused record of the device with this pseudonym; return what it amounts to."""
        if record.step in STEPS.quiet_values:
            return []
        history = self._history_of(pseudonym)
        found: list[Incident | None] = []
        is_locked = record.step in STEPS.incident_values or record.category in self.locked_categories
        if is_locked and self._may_report(history, f"locked {record.category}", record.second):
            evidence = (f"asked for {record.name} ({record.category or 'locked by a rule'}), refused",)
            found.append(self._make_incident("locked-category", record, pseudonym, evidence))
        found += [
            self._check_many_blocks(history, record, pseudonym),
            self._check_bypass(history, record, pseudonym),
        ]
        return [one for one in found if one is not None]

    def observe_tunnel(self, finding: TunnelFinding, pseudonym: str, group: str = "") -> list[Incident]:
        """Take a finding of the tunnel detector about a device of this group."""
        happened_at = datetime.fromtimestamp(finding.first, UTC)
        history = self._history_of(pseudonym)
        if not self._may_report(history, f"tunnel {finding.parent}", finding.first):
            return []
        return [
            Incident(
                id=self._make_id(),
                kind="tunnel",
                happened_at=happened_at,
                device=pseudonym,
                group=group[:64],
                evidence=finding.evidence(),
            )
        ]

    def _check_many_blocks(self, history: _DeviceHistory, record: QueryRecord, pseudonym: str) -> Incident | None:
        if not self.counts_refusals:
            return None
        thresholds, lately = self.thresholds, history.blocks
        lately.add_record(record, thresholds.many_minutes)
        if lately.total < thresholds.many_refusals or not self._may_report(history, "many", record.second):
            return None
        refusals = f"{lately.total} refusals of {len(lately.names)} different names"
        evidence = (f"{refusals} within {thresholds.many_minutes} minutes", *_most_frequent(lately.names))
        return self._make_incident("many-refusals", record, pseudonym, evidence)

    def _check_bypass(self, history: _DeviceHistory, record: QueryRecord, pseudonym: str) -> Incident | None:
        if record.category != BYPASS_CATEGORY:
            return None
        names = history.bypasses.names
        history.bypasses.add_record(record, BYPASS_MINUTES)
        if len(names) < self.thresholds.bypass_names or not self._may_report(history, "bypass", record.second):
            return None
        said = f"{len(names)} different ways round the filter asked for within {BYPASS_MINUTES} minutes"
        return self._make_incident("bypass", record, pseudonym, (said, *_most_frequent(names)))

    def _make_incident(
        self, kind: IncidentKind, record: QueryRecord, pseudonym: str, evidence: tuple[str, ...]
    ) -> Incident:
        happened = datetime.fromtimestamp(record.second, UTC)
        return Incident(
            id=self._make_id(), kind=kind, happened_at=happened, device=pseudonym, evidence=evidence,
            group=record.group[:64],
        )  # fmt: skip

    def _may_report(self, history: _DeviceHistory, cause: str, second: float) -> bool:
        reported_at = history.reported_at.get(cause)
        if reported_at is not None and abs(second - reported_at) < self.thresholds.again_minutes * 60:
            return False
        history.reported_at[cause] = second
        return True

    def _history_of(self, pseudonym: str) -> _DeviceHistory:
        history = self._devices.get(pseudonym)
        if history is None:
            history = self._devices[pseudonym] = _DeviceHistory()
            if len(self._devices) > MAX_DEVICES:
                self._devices.popitem(last=False)
        else:
            self._devices.move_to_end(pseudonym)
        return history


def _most_frequent(names: Counter[str]) -> tuple[str, ...]:
    return tuple(
        f"{name}: once" if count == 1 else f"{name}: {count} times"
        for name, count in names.most_common(EVIDENCE_NAMES)
    )
