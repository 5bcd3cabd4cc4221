"""A resolver that cannot start is said to have stopped, unless another one answers in its place."""

from pathlib import Path

import pytest

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.start_up import report_starting

NOW = 1000.0


def start_in_vain(folder: Path) -> None:
    with pytest.raises(OSError, match="taken"), report_starting(folder, lambda: NOW):
        raise OSError("the port is taken")


def said(folder: Path) -> dict[str, tuple[Condition, ...]]:
    return {one.process: one.conditions for one in health.read_health(folder, NOW)}


def test_where_nobody_answers_it_is_said_that_it_has_stopped(tmp_path: Path) -> None:
    start_in_vain(tmp_path)
    assert said(tmp_path) == {"resolver": (Condition.STOPPED,)}


def test_a_second_start_by_mistake_leaves_a_room_well(tmp_path: Path) -> None:
    health.write_health(tmp_path, ProcessHealth(process="resolver-1", time=NOW - 4))
    start_in_vain(tmp_path)
    assert said(tmp_path) == {"resolver-1": ()}


def test_workers_that_fell_silent_are_no_sign_that_somebody_answers(tmp_path: Path) -> None:
    health.write_health(tmp_path, ProcessHealth(process="resolver-1", time=NOW - health.STALE_SECONDS - 1))
    start_in_vain(tmp_path)
    assert said(tmp_path) == {"resolver": (Condition.STOPPED,), "resolver-1": (Condition.STOPPED,)}
