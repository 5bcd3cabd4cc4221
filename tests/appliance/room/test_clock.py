"""A clock is believed where there is reason to."""

from pathlib import Path

import pytest

from appliance.room.clock import EARLIEST_TIME, MAX_DIFFERENCE_SECONDS, is_clock_trusted

LATER = EARLIEST_TIME + 86_400


@pytest.mark.parametrize(
    ("now", "present", "hardware_clock", "trusted"),
    [
        (LATER, (), None, True),  # another time service, or a container
        (LATER, ("timesync",), None, False),  # a Pi that has just started
        (LATER, ("timesync", "timesync/synchronized"), None, True),
        (LATER, ("timesync",), LATER + 60, True),
        (LATER, ("timesync",), LATER + MAX_DIFFERENCE_SECONDS + 1, False),
        (LATER, ("timesync",), 12.0, False),  # a Pi 5 without a battery
        (12.0, ("timesync",), 12.0, False),
        (EARLIEST_TIME - 1, ("timesync", "timesync/synchronized"), EARLIEST_TIME - 1, False),
        (0.0, (), None, False),
    ],
)
def test_a_clock_is_believed_where_there_is_reason_to(
    tmp_path: Path, now: float, present: tuple[str, ...], hardware_clock: float | None, trusted: bool
) -> None:
    for name in present:
        (tmp_path / name).mkdir()
    (tmp_path / "rtc0").mkdir()
    if hardware_clock is not None:
        (tmp_path / "rtc0/since_epoch").write_text(f"{hardware_clock:.0f}\n")

    assert is_clock_trusted(lambda: now, tmp_path / "timesync", tmp_path / "rtc0") is trusted


def test_a_hardware_clock_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "timesync").mkdir()
    assert not is_clock_trusted(lambda: LATER, tmp_path / "timesync", tmp_path / "rtc0")
