"""What becomes of "tell a grown-up": fair to every device, and about what this room really closed to it.

- A report is about a name that was refused to that very device within `SEEN_SECONDS`; what a browser sends beside
  it is no evidence. The evidence is what the room saw.
- The same name from the same device is one report for `MERGE_SECONDS`.
- A device has `REPORTS_PER_DEVICE` reports within that time, and all of them beyond the first together
  `MORE_REPORTS`: one device, or many addresses of one, never keep another's first report away.

Pure: told of records and times (Unix seconds). Memory is bounded by `MAX_DEVICES`, the longest silent goes first.
"""

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from appliance.protocol import Incident
from blocklists.unspoken import is_unspoken
from dns.policy.verdict import Step
from dns.querylog.records import QueryRecord

SEEN_SECONDS = 600
RECENT_SECONDS = 180  # what a device is told of its own refusals
MERGE_SECONDS = 1800
REPORTS_PER_DEVICE = 3
MORE_REPORTS = 30  # of the whole room, beyond each device's first
MAX_DEVICES = 1024
MAX_NAMES_PER_DEVICE = 64

# told: it is on its way; again: it was told before; enough: this device has told of so much that it was not passed
# on; unseen: this name was not refused to this device lately; unavailable: it cannot be kept now.
ReportOutcome = Literal["told", "again", "enough", "unseen", "unavailable"]


class SeenRefusal(msgspec.Struct, frozen=True):
    """A refusal that this room saw, for the page of whoever met it."""

    device: str  # its token
    step: str
    category: str


class ClosedCategory(msgspec.Struct, frozen=True):
    """Why something was closed to a device, without what it was."""

    step: str
    category: str


class _Refusal:
    """A name that was refused to a device: how often, and when last."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0
        self.group = ""  # of the device, then
        self.step = ""
        self.category = ""


class _ReportingDevice:
    """What one device was refused lately, and what it has told."""

    def __init__(self) -> None:
        self.refusals: OrderedDict[str, _Refusal] = OrderedDict()
        self.reported_at: dict[str, float] = {}  # name: when

    def forget_old_reports(self, now: float) -> None:
        """Let go of what was told so long ago that it may be told again; a clock that went back counts as long."""
        self.reported_at = {name: at for name, at in self.reported_at.items() if 0 <= now - at < MERGE_SECONDS}


class PupilReports:
    """Follows refusals, and takes reports of them."""

    def __init__(self, make_id: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._make_id = make_id
        self._devices: OrderedDict[str, _ReportingDevice] = OrderedDict()
        self._more_at: deque[float] = deque()  # when reports beyond a device's first were taken

    def observe_blocked(self, record: QueryRecord) -> None:
        """Take a refused record."""
        device = self._devices.setdefault(record.device, _ReportingDevice())
        self._devices.move_to_end(record.device)
        if len(self._devices) > MAX_DEVICES:
            self._devices.popitem(last=False)
        refusal = device.refusals.setdefault(record.name, _Refusal())
        device.refusals.move_to_end(record.name)
        if len(device.refusals) > MAX_NAMES_PER_DEVICE:
            device.refusals.popitem(last=False)
        if record.second - refusal.last > SEEN_SECONDS:
            refusal.count = 0
        refusal.count += record.count
        refusal.last = record.second
        refusal.group = record.group
        refusal.step, refusal.category = record.step, record.category

    def take_report(
        self, addresses: Iterable[str], name: str, now: float, pseudonym_of: Callable[[str], str]
    ) -> tuple[ReportOutcome, Incident | None]:
        """Take a report of a name by the device with these addresses (IPv4 and IPv6 may be one device's)."""
        found = self._find_refusal(addresses, name, now)
        if found is None:
            return "unseen", None
        address, refusal = found
        device = self._devices[address]
        device.forget_old_reports(now)
        if name in device.reported_at:
            return "again", None
        if len(device.reported_at) >= REPORTS_PER_DEVICE or (device.reported_at and not self._take_more(now)):
            return "enough", None
        device.reported_at[name] = now
        times = "once" if refusal.count == 1 else f"{refusal.count} times"
        return "told", Incident(
            id=self._make_id(),
            kind="told-a-grown-up",
            happened_at=datetime.fromtimestamp(now, UTC),
            device=pseudonym_of(address),
            group=refusal.group[:64],
            evidence=(name, f"this room refused it to this device {times} just before"),
        )

    def find_refusal(
        self, addresses: Iterable[str], name: str, now: float, pseudonym_of: Callable[[str], str]
    ) -> SeenRefusal | None:
        """Return what this room saw of a name that was refused to the device with these addresses lately."""
        found = self._find_refusal(addresses, name, now)
        if found is None:
            return None
        address, refusal = found
        return SeenRefusal(pseudonym_of(address), refusal.step, refusal.category)

    def has_seen(self, address: str) -> bool:
        """Tell whether something was refused to the device at an address lately."""
        return address in self._devices

    def list_recent_categories(self, addresses: Iterable[str], now: float) -> tuple[ClosedCategory, ...]:
        """Return why something was closed to a device within `RECENT_SECONDS`, the newest first, each once.

        Nothing of what must not be spoken of (`blocklists.unspoken`), nor of what a device asks for by itself.
        """
        found = [
            (refusal.last, ClosedCategory(refusal.step, refusal.category))
            for address in addresses
            if (device := self._devices.get(address)) is not None
            for name, refusal in device.refusals.items()
            if abs(now - refusal.last) <= RECENT_SECONDS
            and refusal.step != Step.BYPASS.value
            and not is_unspoken(name, (refusal.category,))
        ]
        found.sort(key=lambda one: one[0], reverse=True)
        return tuple(dict.fromkeys(one for _, one in found))

    def _find_refusal(self, addresses: Iterable[str], name: str, now: float) -> tuple[str, _Refusal] | None:
        for address in addresses:
            device = self._devices.get(address)
            refusal = device.refusals.get(name) if device is not None else None
            if refusal is not None and abs(now - refusal.last) <= SEEN_SECONDS:
                return address, refusal
        return None

    def _take_more(self, now: float) -> bool:
        """Tell whether the room takes one more report beyond a device's first, and count it."""
        while self._more_at and not 0 <= now - self._more_at[0] < MERGE_SECONDS:
            self._more_at.popleft()
        if len(self._more_at) >= MORE_REPORTS:
            return False
        self._more_at.append(now)
        return True
