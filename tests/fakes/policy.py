"""A policy small enough to see through: some names refused, some rewritten, some addresses closed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from dns.message.names import is_under
from dns.policy.special_addresses import is_plainly_global
from dns.policy.verdict import Action, Policy, Step, Verdict

ALLOWED = Verdict(Action.ALLOW, Step.DEFAULT)


@dataclass(eq=False)
class FakeView:
    policy: "FakePolicy"
    group: str = "pupils"
    blocking_mode: str = "null"
    strip_ech: bool = False

    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        for unblocked, until in self.policy.unblocked.items():
            if is_under(name, unblocked) and now < until:
                return Verdict(Action.ALLOW, Step.UNBLOCK, entry=unblocked, until=until)
        if name in self.policy.rewritten:
            return Verdict(Action.REWRITE, Step.SAFE_SEARCH, entry=name, target=self.policy.rewritten[name])
        for refused in self.policy.blocked:
            if is_under(name, refused):
                return Verdict(Action.BLOCK, Step.LIST, "gambling", "a-list", refused)
        return ALLOWED

    def inspect_name(self, name: str, qtype: int, verdict: Verdict, now: float) -> Verdict:
        found = self.decide(name, qtype, now)
        if found.action is Action.BLOCK and verdict.step is not Step.UNBLOCK:
            return Verdict(Action.BLOCK, Step.INSPECTED, found.category, found.source, found.entry)
        return verdict

    def inspect_address(self, address: str, qname: str, verdict: Verdict, now: float) -> Verdict:
        if address in self.policy.blocked_addresses:
            return Verdict(Action.BLOCK, Step.INSPECTED, "malware", "addresses", address)
        return verdict

    def passes_address(self, packed: bytes) -> bool:
        return is_plainly_global(packed) and str(ip_address(packed)) not in self.policy.blocked_addresses


@dataclass(eq=False)
class FakePolicy:
    blocked: set[str] = field(default_factory=set)
    rewritten: dict[str, str] = field(default_factory=dict)
    blocked_addresses: set[str] = field(default_factory=set)
    unblocked: dict[str, float] = field(default_factory=dict)
    turn: float | None = None
    changed: Sequence[str] | None = None
    version: int = 1
    views: dict[str, FakeView] = field(default_factory=dict)  # by address; the others share one

    def __post_init__(self) -> None:
        self.shared = FakeView(self)

    def view(self, address: str) -> FakeView:
        return self.views.get(address, self.shared)

    def current_view(self, address: str, view: Any) -> Any:
        return view

    def next_change(self, now: float) -> float | None:
        ends = [until for until in self.unblocked.values() if until > now]
        ends += [self.turn] if self.turn is not None and self.turn > now else []
        return min(ends, default=None)

    def names_changed_since(self, older: Policy) -> Sequence[str] | None:
        return self.changed
