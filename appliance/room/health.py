"""How the room is: each process says so in a small file of its own; anyone may read them all.

A file that has not been renewed for `STALE_SECONDS` counts as a process that stopped: silence is trouble.
So does one of the future: the clock went back, and whoever runs renews it.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from appliance.files import overwrite_text, read_regular_file, remove_folder_in_the_way, remove_whatever
from appliance.metrics.samples import Sample
from appliance.room.conditions import Condition
from appliance.room.file_state import FileState, read_file_state
from dns.errors import DECODING_FAILED

STALE_SECONDS = 15.0
RENEW_SECONDS = 5.0  # how often each process writes its file
NEEDED_PROCESSES = ("agent", "recorder", "resolver-1")  # of every room; the pages say nothing of themselves


class ProcessHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What one process says of itself."""

    process: str
    time: float  # Unix seconds
    conditions: tuple[Condition, ...] = ()
    lasting: bool = False  # said once, by what runs no longer (a step of the boot): it holds until said otherwise
    details: dict[str, str] = {}  # for people: "upstream 192.0.2.1:53 has not answered since 10:31"
    samples: tuple[Sample, ...] = ()  # for Prometheus (`appliance.room.metrics`)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ProcessHealth)


def write_health(folder: Path, health: ProcessHealth) -> None:
    """Replace what a process last said. Never raises for a full or read-only disk: health must not stop work."""
    target = folder / f"{health.process}.json"
    temporary = target.with_suffix(f".{os.getpid()}.new")
    try:
        if not folder.is_dir():
            remove_whatever(folder)
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(encode_health(health))
        remove_folder_in_the_way(target)
        temporary.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            overwrite_text(target, encode_health(health))  # a full disk must not keep the room from saying so


def encode_health(health: ProcessHealth) -> bytes:
    """Return what a process says as its file holds it."""
    return _encoder.encode(health)


class HealthReader:
    """Reads what every process said last, again and again: a file that looks as before is not opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[FileState, ProcessHealth | None]] = {}

    def read(self, now: float) -> tuple[ProcessHealth, ...]:
        """Return the same as `read_health`."""
        self._read = {path: self._read_file(path) for path in sorted(self._folder.glob("*.json"))}
        return tuple(_judge(health, now) for _, health in self._read.values() if health is not None)

    def _read_file(self, path: Path) -> tuple[FileState, ProcessHealth | None]:
        state, before = read_file_state(path), self._read.get(path)
        if before is not None and state is not None and before[0] == state:
            return before
        try:
            return state, _decoder.decode(read_regular_file(path))
        except OSError:  # perhaps there was no descriptor left: it is opened again, however it looks
            return None, None
        except DECODING_FAILED:
            return state, None


def read_health(folder: Path, now: float) -> tuple[ProcessHealth, ...]:
    """Return what every process said last, by name; one that fell silent is not starting any more: STOPPED."""
    return HealthReader(folder).read(now)


def _judge(health: ProcessHealth, now: float) -> ProcessHealth:
    if health.lasting or abs(now - health.time) <= STALE_SECONDS:
        return health
    still_true = (one for one in health.conditions if one is not Condition.STARTING)
    return msgspec.structs.replace(health, conditions=(*still_true, Condition.STOPPED))


def describe_with_details(words: str, prefix: str, condition: Condition, healths: Iterable[ProcessHealth]) -> str:
    """Return words for a condition, followed by the details under keys that begin with `prefix` ("": none).

    Every worker of a room says the same: each detail stands there once.
    """
    if not prefix:
        return words
    details = {
        f"{key.removeprefix(prefix)} {text}"
        for health in healths
        if condition in health.conditions
        for key, text in health.details.items()
        if key.startswith(prefix)
    }
    return " ".join((words, "; ".join(sorted(details)))).strip()


def most_urgent_condition(healths: Iterable[ProcessHealth]) -> Condition | None:
    """Return the most urgent condition that any process has, or None: the room is healthy."""
    order = list(Condition)
    conditions = [condition for health in healths for condition in health.conditions]
    return min(conditions, key=order.index, default=None)
