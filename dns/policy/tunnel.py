r"""Tunnel detection: questions that carry data instead of asking for names.

A tunnel writes what it sends into the names it asks for, all under one registrable domain whose server reads
along. A name that was asked already carries nothing more, so it must ask new names all the time, and the more it
sends, the more and the longer they are. What is counted, for one device and registrable domain, over a window:

* how many names are *new*, and what their payloads (the labels before the domain) could carry: the octets of each
  times their entropy, in bits. That is about 4 a letter for hexadecimal digits, 5 for base32, more for raw octets,
  and next to nothing where a name is filled up with one letter;
* the same of the names of which some *roomy* type was asked (TXT, NULL and whatever else a stub does not ask by
  itself, also PTR where no address is looked up): through those comes more back than an address.

A tunnel may have many domains. So what is counted of each is counted of the device too, beyond the first
`FEW_NAMES` of a domain, which pages need; where half as much again comes together as one domain may have, all of
them carry data (`TunnelFinding.parents`).

A name is new once. What else is asked of it, in whatever case, how soon and how often again, by retries, for AAAA
and HTTPS, by a second resolver, or a minute later because its time to live is over, changes nothing. A retry needs
not be told from a name that comes back, because neither counts. So a device that asks for the same hosts all day
is quiet (a name stays known while it is asked at least once a half window), and the rules below hold only sums
that grow, never shares or means: *asking again, or for other names, cannot hide a tunnel*.

None of this alone is proof: content networks ask for many short names, antivirus look-ups for long ones, a sweep
of a network for endless ones (`dns.policy.payload` has reverse zones). `docs/policy.md` says how often the rules
hit and miss, and how that was measured.

Pure: told of questions and times, it keeps no clock, opens nothing, and its memory is bounded: `MAX_PAIRS` pairs
of a device and a domain, `MAX_PAYLOADS` payloads in each half window (the oldest are forgotten first),
`PAYLOADS_IN_ALL` in all (the pairs that were quiet for longest are forgotten first), `MAX_DEVICES` devices. A
device is an address: one that asks over IPv4 and over IPv6 is two, and each of them must send enough to be seen.
Names whose look-ups are meant to carry data are never looked at, nor those that never leave the room.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from operator import itemgetter
from typing import ClassVar, Final

from dns.local_zones.private_zones import EMPTY_ZONES
from dns.message.constants import RecordType
from dns.message.names import parents
from dns.policy.payload import payload_of
from dns.policy.response_policy import REPUTATION_NAMES
from dns.policy.tunnel_values import Payload, Thresholds, TunnelFinding

# The window is the half that is filling and the one before: five to ten minutes.
HALF_WINDOW_SECONDS: Final = 300.0
LATE_SECONDS: Final = 60.0  # so much may a question come late: several workers hand over their records in turn
MAX_PAIRS: Final = 4096
MAX_PAYLOADS: Final = 1024
FORGOTTEN_AT_ONCE: Final = 64  # the oldest, of so many more
PAYLOADS_IN_ALL: Final = 65536  # about 6 MB
MAX_DEVICES: Final = 1024
FEW_NAMES: Final = 2  # new ones of a domain in a half window, which do not count for the device
SPREAD: Final = 1.5  # times as much as of one domain may come together of all

# Types that stubs ask by themselves, for any name. Plain numbers: see `dns.message.constants`.
_PLAIN: Final = frozenset(
    map(
        int,
        (
            RecordType.A,
            RecordType.NS,
            RecordType.SOA,
            RecordType.AAAA,
            RecordType.DS,
            RecordType.DNSKEY,
            RecordType.SVCB,
            RecordType.HTTPS,
        ),
    )
)

_PLAIN_IN_REVERSE_ZONES: Final = _PLAIN | {int(RecordType.PTR)}

EXEMPT_NAMES: Final = frozenset(("localhost", *EMPTY_ZONES, *REPUTATION_NAMES))


class _HalfWindow:
    """The new names of one device under one registrable domain, in half a window.

    One is made for every domain of every device, so what is nothing at first is not set at first.
    """

    questions: int = 0
    names: int = 0
    tiny_names: int = 0
    short_names: int = 0
    roomy_names: int = 0
    octets: int = 0
    bits: float = 0.0
    long_sum: float = 0.0
    vast_sum: float = 0.0
    roomy_sum: float = 0.0

    def __init__(self, number: int, first: float) -> None:
        self.number = number  # of half windows since 1970: no question moves their borders
        self.first = first
        self.payloads: dict[int, bool] = {}  # by mark, whether a roomy type was asked

    def count_query(self, payload: Payload, limits: Thresholds) -> None:
        """Count a new payload."""
        bits = payload.bits
        self.names += 1
        self.octets += payload.octets
        self.bits += bits
        self.tiny_names += bits >= limits.tiny_bits
        self.short_names += bits >= limits.short_bits
        if bits >= limits.long_bits:
            self.long_sum += bits
        if bits >= limits.vast_bits:
            self.vast_sum += bits

    def add_roomy(self, payload: Payload, limits: Thresholds) -> None:
        """Count a payload for which a roomy type was asked, the first time that one was."""
        if payload.bits >= limits.roomy_bits:
            self.roomy_names += 1
            self.roomy_sum += payload.bits


class _PairWindow:
    """The window of one device and one registrable domain."""

    __slots__ = ("current", "previous", "reported")
    EMPTY: ClassVar[_HalfWindow] = _HalfWindow(0, 0.0)

    def __init__(self, number: int, now: float) -> None:
        self.current = _HalfWindow(number, now)
        self.previous = self.EMPTY
        self.reported = -math.inf

    def rotate_window(self, number: int, now: float) -> None:
        """Begin half `number`, which is another than the one that is filling.

        A clock set back begins anew, a late question does not.
        """
        filling = self.current.number
        if number < filling == _number(now + LATE_SECONDS):
            return
        self.previous = self.current if number == filling + 1 else self.EMPTY
        self.current = _HalfWindow(number, now)

    def take(self, payload: Payload, *, roomy: bool, limits: Thresholds) -> tuple[bool, bool]:
        """Count a question; tell whether it was for a new name, and whether for a roomy type of it first."""
        half, mark = self.current, payload.mark
        payloads = half.payloads
        before = payloads.get(mark)
        if before is None:
            # Known from the half before: it stays known, and is not counted again.
            before = self.previous.payloads.get(mark)
            payloads[mark] = roomy or before is True
            if len(payloads) > MAX_PAYLOADS + FORGOTTEN_AT_ONCE:
                # One at a time, each would be looked for behind the places of all that went before it.
                for oldest in list(islice(payloads, FORGOTTEN_AT_ONCE)):
                    del payloads[oldest]
        elif roomy:
            payloads[mark] = True
        if before is None:
            half.count_query(payload, limits)
        newly_roomy = roomy and not before
        if newly_roomy:
            half.add_roomy(payload, limits)
        return before is None, newly_roomy

    def is_reported(self, now: float) -> bool:
        """Tell whether it was found already, so lately that it needs not be said again."""
        return abs(now - self.reported) < 2 * HALF_WINDOW_SECONDS

    @property
    def questions(self) -> int:
        """How many questions were asked in it."""
        return self.previous.questions + self.current.questions

    @property
    def bits(self) -> float:
        """What its new names could carry."""
        return self.previous.bits + self.current.bits

    @property
    def most_names(self) -> int:
        """How many new names were asked for in the half that had more of them."""
        return max(self.previous.names, self.current.names)

    def __len__(self) -> int:
        return len(self.previous.payloads) + len(self.current.payloads)


def _number(now: float) -> int:
    return int(now // HALF_WINDOW_SECONDS)


class TunnelDetector:
    """Follows the questions of a room's devices."""

    def __init__(self, exempt: Iterable[str] = (), thresholds: Thresholds | None = None) -> None:
        self._exempt = EXEMPT_NAMES | frozenset(exempt)
        # Registrable domains with exempt names under them. Of every other one, all names are exempt or none is.
        self._partly_exempt = frozenset(payload_of(name).parent for name in self._exempt)
        self._thresholds = thresholds or Thresholds()
        self._pairs: OrderedDict[tuple[str, str], _PairWindow] = OrderedDict()
        self._devices: OrderedDict[str, _PairWindow] = OrderedDict()  # what is beyond the first few names of each
        self._payloads = 0

    def observe_query(
        self, device: str, name: str, qtype: int, now: float, count: int = 1
    ) -> TunnelFinding | None:
        """Take a question (a canonical name) that a device asked `count` times at about `now`.

        Returns a finding the first time that a window looks like carried data, and not again for its duration.
        """
        payload = payload_of(name)
        if payload.bits < self._thresholds.tiny_bits:
            return None
        pair = self._pair(device, payload.parent, name, now)
        if pair is None:
            return None
        half = pair.current
        half.questions += count
        kept = len(half.payloads)
        roomy = qtype not in (_PLAIN_IN_REVERSE_ZONES if payload.is_reverse else _PLAIN)
        new_name, newly_roomy = pair.take(payload, roomy=roomy, limits=self._thresholds)
        self._payloads += len(half.payloads) - kept
        while self._payloads > PAYLOADS_IN_ALL or len(self._pairs) > MAX_PAIRS:
            self._payloads -= len(self._pairs.popitem(last=False)[1])
        if not (new_name or newly_roomy) or pair.is_reported(now):
            return None
        if _is_over(self._thresholds, pair):
            pair.reported = now
            self._devices.pop(device, None)  # what was found is not found again among the rest
            return _finding(device, (payload.parent,), pair)
        if half.names <= FEW_NAMES:
            return None
        window = self._device(device, now)
        if new_name:
            window.current.count_query(payload, self._thresholds)
        if newly_roomy:
            window.current.add_roomy(payload, self._thresholds)
        return self._evaluate_device(device, window, now)

    def _pair(self, device: str, parent: str, name: str, now: float) -> _PairWindow | None:
        """Return the window of a device and a registrable domain, at this time; None where the name is exempt."""
        key = (device, parent)
        number = _number(now)
        pair = self._pairs.get(key)
        if (pair is None or parent in self._partly_exempt) and not self._exempt.isdisjoint(parents(name)):
            return None
        if pair is None:
            pair = self._pairs[key] = _PairWindow(number, now)
            return pair
        self._pairs.move_to_end(key)
        if number != pair.current.number:
            kept = len(pair)
            pair.rotate_window(number, now)
            self._payloads += len(pair) - kept
        return pair

    def _device(self, device: str, now: float) -> _PairWindow:
        """Return the window of a device, at this time."""
        number = _number(now)
        window = self._devices.get(device)
        if window is None:
            window = self._devices[device] = _PairWindow(number, now)
            if len(self._devices) > MAX_DEVICES:
                self._devices.popitem(last=False)
            return window
        self._devices.move_to_end(device)
        if number != window.current.number:
            window.rotate_window(number, now)
        return window

    def _evaluate_device(self, device: str, window: _PairWindow, now: float) -> TunnelFinding | None:
        """Return a finding where the domains of a device together look like carried data."""
        if not _is_over(self._thresholds, window, SPREAD):
            return None
        spread = [
            (pair.bits, parent, pair)
            for (of, parent), pair in self._pairs.items()
            if of == device and pair.current.number >= _number(now) - 1 and not pair.is_reported(now)
        ]
        spread = sorted((one for one in spread if one[2].most_names > FEW_NAMES), reverse=True, key=itemgetter(0))
        for _, _, pair in spread:
            pair.reported = now
        del self._devices[device]
        if not spread:
            return None
        window.current.questions = sum(pair.questions for _, _, pair in spread)
        return _finding(device, tuple(parent for _, parent, _ in spread), window)


def _is_over(limits: Thresholds, window: _PairWindow, times: float = 1) -> bool:
    """Tell whether a window's new names look like carried data."""
    # Only sums that grow: a share or a mean could be lowered by further questions.
    full, filling = window.previous, window.current
    return full.names + filling.names >= limits.names * times and (
        full.tiny_names + filling.tiny_names >= limits.tiny_names * times
        or full.short_names + filling.short_names >= limits.short_names * times
        or full.long_sum + filling.long_sum >= limits.long_sum * times
        or full.vast_sum + filling.vast_sum >= limits.vast_sum * times
        or full.roomy_sum + filling.roomy_sum >= limits.roomy_sum * times
    )


def _finding(device: str, parents_found: tuple[str, ...], window: _PairWindow) -> TunnelFinding:
    """Return what a window says, of the domains that it was counted of."""
    full, filling = window.previous, window.current
    names, octets = full.names + filling.names, full.octets + filling.octets
    return TunnelFinding(
        device=device,
        parent=parents_found[0],
        others=parents_found[1:],
        first=full.first if full is not window.EMPTY else filling.first,
        questions=window.questions,
        distinct=names,
        payload_bytes=octets,
        mean_length=octets / names,
        entropy=window.bits / octets,
        roomy_share=min((full.roomy_names + filling.roomy_names) / names, 1.0),
    )
