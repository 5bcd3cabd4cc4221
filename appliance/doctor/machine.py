"""How the machine under a room is: disk, memory, card, heat, power. What a machine does not tell is no problem."""

import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from appliance.doctor.check_result import Check, CheckResult, ok, problem, unknown

HOT_CELSIUS = 80.0  # from here on a Pi slows down
FEW_MEGABYTES = 100  # of the disk
FEW_MEGABYTES_OF_RAM = 40
_FIRMWARE_ALARMS = ("in0_lcrit_alarm",)  # Linux: drivers/hwmon/raspberrypi-hwmon.c


class MachineDoctor:
    """Looks at one machine; `root` is where its file systems hang."""

    def __init__(self, data: Path, root: Path = Path("/")) -> None:
        self._data = data
        self._root = root

    def checks(self) -> tuple[tuple[str, Check], ...]:
        """Return every check in its order."""
        return (
            ("versions", _versions),
            ("disk", self._disk),
            ("memory", self._ram),
            ("root", self._root_file_system),
            ("file systems", self._file_system_errors),
            ("heat", self._heat),
            ("power", self._power),
        )

    def _disk(self) -> Iterator[CheckResult]:
        if not self._data.exists():
            yield problem(
                "disk", f"{self._data} is not there", "is the data partition mounted? journalctl -u data.mount"
            )
            return
        usage = shutil.disk_usage(self._data)
        free = usage.free / 2**20
        if free < FEW_MEGABYTES:
            yield problem("disk", f"{free:.0f} MB are free for data", "use a larger card, or keep less ([log])")
        else:
            yield ok("disk", f"{free:.0f} MB are free for data")
        if (self._root / "boot/firmware/hallpass.toml").exists() and "/data" not in self._mounts():
            yield problem(
                "data partition", "is not mounted: what is kept now is lost at the next start",
                "the card may be worn out: flash a new one",
            )  # fmt: skip

    def _ram(self) -> Iterator[CheckResult]:
        lines = (line.split() for line in _text(self._root / "proc/meminfo").splitlines())
        kilobytes = {
            words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()
        }
        if "MemAvailable" not in kilobytes or "MemTotal" not in kilobytes:
            yield unknown("memory", "this machine does not tell")
            return
        available, total = kilobytes["MemAvailable"] / 1024, kilobytes["MemTotal"] / 1024
        words = f"{available:.0f} of {total:.0f} MB are available"
        if available < FEW_MEGABYTES_OF_RAM:
            yield problem(
                "memory", words, "fewer workers or a smaller cache ([dns] workers, [dns.cache] megabytes)"
            )
        else:
            yield ok("memory", words)

    def _root_file_system(self) -> Iterator[CheckResult]:
        kind, options = self._mounts().get("/", ("", ""))
        if kind == "overlay" or "ro" in options.split(","):
            yield ok("root", "read-only, with memory over it" if kind == "overlay" else "read-only")
        else:
            yield unknown("root", "can be written: this is no card")

    def _file_system_errors(self) -> Iterator[CheckResult]:
        counts = {path.parent.name: _number(path) for path in self._root.glob("sys/fs/ext4/*/errors_count")}
        wrong = sorted(name for name, count in counts.items() if count)
        for name in wrong:
            yield problem("file systems", f"errors on {name}", "the card may be worn out: flash a new one soon")
        if counts and not wrong:
            yield ok("file systems", "no errors")
        for path in self._root.glob("sys/block/mmcblk*/device/pre_eol_info"):
            if (_number(path) or 0) > 1:
                yield problem("card", "says that it is nearly worn out", "flash a new one soon")

    def _heat(self) -> Iterator[CheckResult]:
        found = [_number(path) for path in self._root.glob("sys/class/thermal/thermal_zone*/temp")]
        degrees = [number / 1000 for number in found if number is not None]
        if not degrees:
            yield unknown("heat", "this machine does not tell")
        elif max(degrees) >= HOT_CELSIUS:
            yield problem(
                "heat", f"{max(degrees):.0f} °C", "give it air: no closed cupboard, a heat sink or a fan"
            )
        else:
            yield ok("heat", f"{max(degrees):.0f} °C")

    def _power(self) -> Iterator[CheckResult]:
        alarms = [
            _number(folder / alarm)
            for folder in self._root.glob("sys/class/hwmon/hwmon*")
            if _text(folder / "name") == "rpi_volt"
            for alarm in _FIRMWARE_ALARMS
        ]
        if not alarms:
            yield unknown("power", "this machine does not tell")
        elif any(alarms):
            yield problem("power", "the voltage was too low", "use the Pi's own power supply, and a short cable")
        else:
            yield ok("power", "the voltage is right")

    def _mounts(self) -> dict[str, tuple[str, str]]:
        lines = (line.split() for line in _text(self._root / "proc/mounts").splitlines())
        return {words[1]: (words[2], words[3]) for words in lines if len(words) >= 4}


def _versions() -> Iterator[CheckResult]:
    ours, python = metadata.version("hallpass"), platform.python_version()
    yield ok("versions", f"Hallpass {ours}, Python {python}, {platform.system()} {platform.release()}")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path), 0)
    except ValueError:
        return None
