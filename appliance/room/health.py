"""How the room is: each process says so in a small file of its own; anyone may read them all.

A file that has not been renewed for `STALE_SECONDS` counts as a process that stopped: silence is trouble.
So does one of the future: the clock went back, and whoever runs renews it.
"""

import contextlib
import enum
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dns.errors import DECODING_FAILED

STALE_SECONDS = 15.0
RENEW_SECONDS = 5.0  # how often each process writes its file


class Condition(enum.Enum):
    """Something a person should know of, the most urgent first."""

    DISK_TROUBLE = "disk-trouble"
    UPSTREAM_DOWN = "upstream-down"
    POLICY_DAMAGED = "policy-damaged"
    LISTS_DAMAGED = "lists-damaged"
    SETTINGS_WRONG = "settings-wrong"
    NOT_ENROLLED = "not-enrolled"
    NO_LONGER_ENROLLED = "no-longer-enrolled"
    CENTRAL_UNREACHABLE = "central-unreachable"
    CLOCK_DIFFERS = "clock-differs"
    LISTS_STALE = "lists-stale"
    STARTING = "starting"
    STOPPED = "stopped"


class ProcessHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What one process says of itself."""

    process: str
    time: float  # Unix seconds
    conditions: tuple[Condition, ...] = ()
    lasting: bool = False  # said once, by what runs no longer (a step of the boot): it holds until said otherwise
    details: dict[str, str] = {}  # for people: "upstream 192.0.2.1:53 has not answered since 10:31"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ProcessHealth)


def write_health(folder: Path, health: ProcessHealth) -> None:
    """Replace what a process last said. Never raises for a full or read-only disk: health must not stop work."""
    target = folder / f"{health.process}.json"
    temporary = target.with_suffix(f".{os.getpid()}.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(encode_health(health))
        temporary.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def encode_health(health: ProcessHealth) -> bytes:
    """Return what a process says as its file holds it."""
    return _encoder.encode(health)


def read_health(folder: Path, now: float) -> tuple[ProcessHealth, ...]:
    """Return what every process said last, by name; one that fell silent has the condition STOPPED added."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            health = _decoder.decode(path.read_bytes())
        except (OSError, *DECODING_FAILED):
            continue
        if not health.lasting and abs(now - health.time) > STALE_SECONDS:
            health = msgspec.structs.replace(health, conditions=(*health.conditions, Condition.STOPPED))
        found.append(health)
    return tuple(found)


def most_urgent_condition(healths: Iterable[ProcessHealth]) -> Condition | None:
    """Return the most urgent condition that any process has, or None: the room is healthy."""
    order = list(Condition)
    conditions = [condition for health in healths for condition in health.conditions]
    return min(conditions, key=order.index, default=None)
