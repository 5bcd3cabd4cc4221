"""Tunnel detection: questions that carry data instead of asking for names.

A tunnel writes what it sends into the names it asks for, all under one parent whose server reads along. It cannot
ask the same name twice (the cache would answer), its names are long, and their letters are near to chance. What
comes back travels in TXT, NULL and other roomy types. All of this shows over a window, for one device and parent:

* `distinct` payloads (what stands before the parent) and their bytes in all,
* their mean length, and the entropy of their letters in bits,
* the share of roomy types, and how many questions repeat an earlier payload.

None of these alone is proof: content networks ask for many short names, antivirus look-ups for long ones, reverse
zones for endless ones. `docs/policy.md` says how often the rules below hit and miss, and how that was measured.

Pure: told of questions and times, it keeps no clock, opens nothing, and its memory is bounded (`PAIRS` pairs of a
device and a parent, `PAYLOADS` payloads each). Names whose look-ups are meant to carry data are never looked at.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import ClassVar

import msgspec

from dns.names import parents
from dns.policy.document import Rule
from dns.policy.inspection import REPUTATION_NAMES

HALF_WINDOW_SECONDS = 300.0  # the window is the half that is filling and the one before: five to ten minutes
PAIRS = 4096
PAYLOADS = 512  # in each half window; a pair that has more was judged long before
SAMPLE = 64  # payloads over which the entropy is taken

# Types whose answers have room for data: NULL, TXT, MX, CNAME, SRV, KEY, PRIVATE (65280 and above: iodine's).
_ROOMY = frozenset((5, 10, 15, 16, 25, 33))
_PRIVATE = 65280

NEVER_TUNNELS = frozenset(("arpa", "local", "lan", "internal", "localhost", *REPUTATION_NAMES))


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on questions look like carried data. All of one line must hold; the lines are alternatives."""

    distinct: int = 20  # for every line
    entropy: float = 3.0
    # Long names that are asked once each:
    long_bytes: int = 5000
    long_mean: float = 28.0
    long_fresh: float = 0.7
    # Short names, so many and so new that no page needs them:
    many_distinct: int = 400
    many_mean: float = 12.0
    many_fresh: float = 0.7
    # Roomy types:
    roomy_share: float = 0.5
    roomy_bytes: int = 800
    roomy_mean: float = 10.0
    # So much that nothing else matters:
    flood_bytes: int = 20000
    flood_mean: float = 40.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A device whose questions under one parent look like carried data."""

    device: str
    parent: str
    first: float  # Unix seconds: the first question of the window
    questions: int
    distinct: int
    payload_bytes: int
    mean_length: float
    entropy: float  # bits a letter
    roomy_share: float

    def evidence(self) -> tuple[str, ...]:
        """Return what was seen, for the incident."""
        return (
            f"{self.questions} questions for {self.distinct} different names under {self.parent}",
            f"{self.payload_bytes} letters before it, {self.mean_length:.0f} in a name",
            f"{self.entropy:.1f} bits of entropy in a letter, {self.roomy_share:.0%} of types with room for data",
        )

    def rule(self) -> Rule:
        """Return the rule that closes the tunnel, where the policy wants that (`PolicyDocument.tunnels`)."""
        return Rule(name=self.parent, action="block", category="circumvention", note="looks like a DNS tunnel")


class _Half:
    """What one device asked under one parent in half a window."""

    __slots__ = ("distinct", "first", "payload_bytes", "payloads", "questions", "roomy", "sample")

    def __init__(self, now: float) -> None:
        self.first = now
        self.questions = 0
        self.roomy = 0
        self.distinct = 0
        self.payload_bytes = 0
        self.payloads: set[int] = set()
        self.sample: list[str] = []

    def add(self, payload: str, *, roomy: bool, known: bool, count: int) -> bool:
        """Count a question; tell whether its payload is new to the window."""
        self.questions += count
        self.roomy += count if roomy else 0
        mark = hash(payload)
        if known or mark in self.payloads or len(self.payloads) >= PAYLOADS:
            return False
        self.payloads.add(mark)
        if len(self.sample) < SAMPLE:
            self.sample.append(payload)
        self.distinct += 1
        self.payload_bytes += len(payload)
        return True


class _Pair:
    """The window of one device and one parent."""

    __slots__ = ("filling", "full", "reported")
    NOTHING: ClassVar[_Half] = _Half(0.0)

    def __init__(self, now: float) -> None:
        self.filling = _Half(now)
        self.full = self.NOTHING
        self.reported = -math.inf

    def turn(self, now: float) -> None:
        """Begin the next half where this one is over. A clock set back begins anew."""
        age = now - self.filling.first
        if 0 <= age < HALF_WINDOW_SECONDS:
            return
        self.full = self.filling if 0 <= age < 2 * HALF_WINDOW_SECONDS else self.NOTHING
        self.filling = _Half(now)


class TunnelDetector:
    """Follows the questions of a room's devices."""

    def __init__(self, exempt: Iterable[str] = (), thresholds: Thresholds | None = None) -> None:
        self._exempt = NEVER_TUNNELS | frozenset(exempt)
        self._thresholds = thresholds or Thresholds()
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()

    def seen(self, device: str, name: str, qtype: int, now: float, count: int = 1) -> Finding | None:
        """Take a question (a canonical name) that a device asked `count` times at about `now`.

        Returns a finding the first time that a window looks like carried data, and not again for its duration.
        """
        parent, payload = split(name)
        if not payload or self._is_exempt(parent, name):
            return None
        key = (device, parent)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(now)
            if len(self._pairs) > PAIRS:
                self._pairs.popitem(last=False)
        else:
            self._pairs.move_to_end(key)
            pair.turn(now)
        known = hash(payload) in pair.full.payloads
        roomy = qtype in _ROOMY or qtype >= _PRIVATE
        fresh = pair.filling.add(payload, roomy=roomy, known=known, count=count)
        if not fresh or abs(now - pair.reported) < 2 * HALF_WINDOW_SECONDS:
            return None
        finding = self._judge(device, parent, pair)
        if finding is not None:
            pair.reported = now
        return finding

    def _is_exempt(self, parent: str, name: str) -> bool:
        return parent.rpartition(".")[2] in self._exempt or not self._exempt.isdisjoint(parents(name))

    def _judge(self, device: str, parent: str, pair: _Pair) -> Finding | None:
        limits = self._thresholds
        halves = (pair.full, pair.filling)
        distinct = sum(half.distinct for half in halves)
        if distinct < limits.distinct:
            return None
        payload_bytes = sum(half.payload_bytes for half in halves)
        questions = sum(half.questions for half in halves)
        mean = payload_bytes / distinct
        roomy = sum(half.roomy for half in halves) / questions
        fresh = distinct / questions
        suspicious = (
            (payload_bytes >= limits.long_bytes and mean >= limits.long_mean and fresh >= limits.long_fresh)
            or (distinct >= limits.many_distinct and mean >= limits.many_mean and fresh >= limits.many_fresh)
            or (roomy >= limits.roomy_share and payload_bytes >= limits.roomy_bytes and mean >= limits.roomy_mean)
            or (payload_bytes >= limits.flood_bytes and mean >= limits.flood_mean)
        )
        if not suspicious:
            return None
        bits = entropy(pair.full.sample + pair.filling.sample)
        if bits < limits.entropy:
            return None
        return Finding(
            device=device,
            parent=parent,
            first=pair.full.first if pair.full is not pair.NOTHING else pair.filling.first,
            questions=questions,
            distinct=distinct,
            payload_bytes=payload_bytes,
            mean_length=mean,
            entropy=bits,
            roomy_share=roomy,
        )


def split(name: str) -> tuple[str, str]:
    """Return the parent under which somebody registers names, and what stands before it, dots left out.

    Without a list of public suffixes: the last two labels, or three where the last is a country and the one before
    is short (``co.uk``, ``ac.jp``, ``sch.uk``).
    """
    labels = name.split(".")
    keep = 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
    return ".".join(labels[-keep:]), "".join(labels[:-keep])


def entropy(texts: Iterable[str]) -> float:
    """Return the entropy of the letters of some texts, in bits a letter (Shannon)."""
    counts = Counter("".join(texts))
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0
