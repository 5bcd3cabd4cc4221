"""A clock is believed where there is reason to."""

from pathlib import Path

import pytest

from appliance.room.clock import NO_EARLIER_THAN, is_trusted

LATER = NO_EARLIER_THAN + 1


@pytest.mark.parametrize(
    ("now", "present", "trusted"),
    [
        (LATER, (), True),  # another time service, or a container
        (LATER, ("timesync",), False),  # a Pi that has just started
        (LATER, ("timesync", "timesync/synchronized"), True),
        (LATER, ("timesync", "rtc0"), True),
        (NO_EARLIER_THAN - 1, ("timesync", "timesync/synchronized", "rtc0"), False),
        (0.0, (), False),
    ],
)
def test_a_clock_is_believed_where_there_is_reason_to(
    tmp_path: Path, now: float, present: tuple[str, ...], trusted: bool
) -> None:
    for name in present:
        (tmp_path / name).mkdir()

    assert is_trusted(lambda: now, tmp_path / "timesync", tmp_path / "rtc0") is trusted
