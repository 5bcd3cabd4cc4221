"""What the doctor says of the card and the machine."""

from collections.abc import Iterator
from pathlib import Path

from appliance.doctor.check_result import CheckResult, run_check
from appliance.doctor.machine import MachineDoctor


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def look(root: Path) -> dict[str, CheckResult]:
    return {
        finding.what: finding
        for what, check in MachineDoctor(root / "data", root).checks()
        for finding in run_check(what, check)
    }


def test_a_card_that_is_well(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    put(tmp_path, "boot/firmware/hallpass.toml", "")
    put(tmp_path, "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 200000 kB")
    put(tmp_path, "proc/mounts", "hallpass-root / overlay rw 0 0\n/dev/mmcblk0p3 /data ext4 rw 0 0")
    put(tmp_path, "sys/fs/ext4/mmcblk0p3/errors_count", "0")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "51234")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0")
    found = look(tmp_path)
    assert {one.state for one in found.values()} == {"ok"}
    assert found["heat"].words == "51 °C"


def test_a_card_that_is_not(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    put(tmp_path, "boot/firmware/hallpass.toml", "")
    put(tmp_path, "proc/mounts", "/dev/mmcblk0p2 / ext4 rw 0 0")
    put(tmp_path, "proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 20000 kB")
    put(tmp_path, "sys/fs/ext4/mmcblk0p3/errors_count", "3")
    put(tmp_path, "sys/block/mmcblk0/device/pre_eol_info", "0x02")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "84000")
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "rpi_volt")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1")
    found = look(tmp_path)
    problems = {what for what, one in found.items() if one.state == "problem"}
    assert problems == {"data partition", "memory", "file systems", "card", "heat", "power"}
    assert all(found[what].todo for what in problems)


def test_a_machine_that_tells_nothing_has_no_problem(tmp_path: Path) -> None:
    put(tmp_path, "data/x", "")
    assert {one.state for one in look(tmp_path).values()} == {"ok", "unknown"}


def test_a_check_that_fails_lets_the_others_go_on() -> None:
    def fails() -> Iterator[CheckResult]:
        yield CheckResult("x", "ok", "first")
        raise RuntimeError("unheard of")

    assert [one.state for one in run_check("x", fails)] == ["ok", "problem"]
