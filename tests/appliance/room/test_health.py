"""Each process says how it is; silence is trouble; the most urgent condition wins."""

import errno
from pathlib import Path

import pytest

from appliance.metrics.samples import Sample
from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import (
    STALE_SECONDS,
    HealthReader,
    ProcessHealth,
    most_urgent_condition,
    read_health,
    write_health,
)


def test_what_a_process_said_last_is_what_is_read(tmp_path: Path) -> None:
    write_health(tmp_path, ProcessHealth(process="agent", time=1.0, conditions=(Condition.LISTS_STALE,)))
    write_health(tmp_path, ProcessHealth(process="agent", time=2.0, conditions=(Condition.CENTRAL_UNREACHABLE,)))
    assert [health.conditions for health in read_health(tmp_path, now=3.0)] == [(Condition.CENTRAL_UNREACHABLE,)]


def test_no_figure_makes_a_health_unreadable(tmp_path: Path) -> None:
    samples = tuple(Sample("hallpass_x", one, ("1",)) for one in (1, 0.5, True, None, float("inf"), float("nan")))
    write_health(tmp_path, ProcessHealth(process="agent", time=1.0, samples=samples))
    (found,) = read_health(tmp_path, now=2.0)
    assert [one.value for one in found.samples] == [1, 0.5, True, None, None, None]


def test_a_process_that_fell_silent_counts_as_stopped(tmp_path: Path) -> None:
    write_health(tmp_path, ProcessHealth(process="resolver", time=100.0))
    (health,) = read_health(tmp_path, now=100.0 + STALE_SECONDS + 1)
    assert health.conditions == (Condition.STOPPED,)


def test_what_was_said_before_the_clock_went_back_is_not_believed_for_months(tmp_path: Path) -> None:
    write_health(tmp_path, ProcessHealth(process="resolver", time=1e7))
    (health,) = read_health(tmp_path, now=100.0)
    assert health.conditions == (Condition.STOPPED,)


def test_the_most_urgent_condition_of_the_room_wins() -> None:
    healths = [
        ProcessHealth(process="agent", time=0, conditions=(Condition.LISTS_STALE,)),
        ProcessHealth(process="recorder", time=0, conditions=(Condition.DISK_TROUBLE,)),
    ]
    assert most_urgent_condition(healths) is Condition.DISK_TROUBLE
    assert most_urgent_condition([ProcessHealth(process="web", time=0)]) is None


def test_a_file_that_cannot_be_read_and_a_disk_that_cannot_be_written_stop_nobody(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text("{")
    assert read_health(tmp_path, now=0) == ()
    write_health(tmp_path / "agent.json" / "below", ProcessHealth(process="web", time=0))


def test_what_a_step_of_the_boot_said_does_not_grow_old(tmp_path: Path) -> None:
    said = ProcessHealth(process="card", time=0.0, conditions=(Condition.NOT_ENROLLED,), lasting=True)
    write_health(tmp_path, said)
    assert read_health(tmp_path, now=1e10) == (said,)


def test_who_reads_again_and_again_opens_only_what_was_renewed(tmp_path: Path) -> None:
    for process in ("agent", "recorder"):
        write_health(tmp_path, ProcessHealth(process=process, time=1.0))
    reader = HealthReader(tmp_path)
    _, recorder = reader.read(now=2.0)
    write_health(tmp_path, ProcessHealth(process="agent", time=3.0, conditions=(Condition.LISTS_STALE,)))
    again, still = reader.read(now=4.0)
    assert (again.time, again.conditions) == (3.0, (Condition.LISTS_STALE,))
    assert still is recorder


def test_who_reads_again_and_again_sees_silence_and_what_is_gone(tmp_path: Path) -> None:
    write_health(tmp_path, ProcessHealth(process="agent", time=1.0))
    reader = HealthReader(tmp_path)
    assert [one.conditions for one in reader.read(now=2.0)] == [()]
    assert [one.conditions for one in reader.read(now=2.0 + STALE_SECONDS)] == [(Condition.STOPPED,)]
    (tmp_path / "agent.json").unlink()
    assert reader.read(now=3.0) == ()


def test_who_had_no_descriptor_left_reads_it_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The card's own is written once, and never looks other than it did.
    write_health(tmp_path, ProcessHealth(process="card", time=0.0, lasting=True))
    reader = HealthReader(tmp_path)
    with monkeypatch.context() as without:
        without.setattr(health, "read_regular_file", _no_descriptor)
        assert reader.read(now=1.0) == ()
    assert [one.process for one in reader.read(now=2.0)] == ["card"]


def _no_descriptor(_path: Path) -> bytes:
    raise OSError(errno.EMFILE, "too many open files")
