"""Downloads of indexes keep to the uplink's cap together, and find a slot or are told to come later."""

from pathlib import Path

import pytest

from appliance.central.errors import Busy
from appliance.central.lists.downloads import RETRY_SECONDS, DownloadSlots, UplinkCap, paced_pieces


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_pieces_of_all_downloads_leave_one_after_the_other_at_the_caps_rate() -> None:
    clock = Clock()
    cap = UplinkCap(8.0, clock)  # a megabyte a second
    assert [cap.seconds_until_turn(500_000) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    clock.seconds += 1.0
    assert cap.seconds_until_turn(500_000) == 1.0
    clock.seconds += 60.0
    assert cap.seconds_until_turn(500_000) == 0.0, "what was not used is not saved up"
    assert cap.seconds_until_turn(500_000) == 0.5


def test_without_a_cap_everything_leaves_at_once() -> None:
    cap = UplinkCap(None)
    assert [cap.seconds_until_turn(10**9) for _ in range(3)] == [0.0] * 3


def test_who_finds_no_slot_is_told_to_come_later_at_a_moment_of_its_own() -> None:
    slots = DownloadSlots(2)
    given_back = [slots.take_slot() for _ in range(2)]
    moments = set()
    for _ in range(100):
        with pytest.raises(Busy) as busy:
            slots.take_slot()
        moments.add(busy.value.retry_seconds)
    assert len(moments) > 5
    assert RETRY_SECONDS[0] <= min(moments) < max(moments) <= RETRY_SECONDS[1]
    for give_back in (given_back[0], given_back[0]):  # twice is once
        give_back()
    slots.take_slot()
    with pytest.raises(Busy):
        slots.take_slot()


def test_a_paced_file_arrives_whole() -> None:
    pieces = [b"a" * 1000, b"b" * 1000, b"c"]
    assert list(paced_pieces(iter(pieces), UplinkCap(1.0))) == pieces


def test_a_file_that_is_closed_while_a_thread_is_waited_for_ends_without_an_error(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"x" * 10)
    file = (tmp_path / "index").open("rb")
    file.close()
    assert not list(paced_pieces(iter(lambda: file.read(4), b""), UplinkCap(1.0)))
