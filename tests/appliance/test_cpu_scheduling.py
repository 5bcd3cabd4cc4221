"""The recorder steps aside for DNS, and comes back when it would starve."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import cpu_scheduling
from appliance.cpu_scheduling import LATE_SECONDS, NORMAL_SECONDS, SchedulingPolicy

TRY = """
import json, os, resource, sys
# Before the next lines: nobody else may read the folder of whoever tests at home.
from appliance import cpu_scheduling
try:
    resource.setrlimit(resource.RLIMIT_NICE, (int(sys.argv[1]),) * 2)
except ValueError:
    sys.exit("may not")
os.setuid(65534)
os.nice(5)
print(json.dumps([cpu_scheduling.can_leave_idle(), os.sched_getscheduler(0)]))
"""


def test_who_is_on_time_steps_aside() -> None:
    assert SchedulingPolicy().policy_after(0.0, 100.0) == os.SCHED_IDLE


def test_who_is_late_takes_an_ordinary_place_for_a_while() -> None:
    place = SchedulingPolicy()
    assert place.policy_after(LATE_SECONDS + 0.01, 100.0) == os.SCHED_OTHER
    assert place.policy_after(0.0, 100.0 + NORMAL_SECONDS - 0.1) == os.SCHED_OTHER
    assert place.policy_after(0.0, 100.0 + NORMAL_SECONDS) == os.SCHED_IDLE


def test_who_begins_may_be_left_in_the_ordinary_place_until_a_moment() -> None:
    place = SchedulingPolicy(normal_seconds=30.0, normal_until=130.0)
    assert place.policy_after(0.0, 129.9) == os.SCHED_OTHER
    assert place.policy_after(0.0, 130.0) == os.SCHED_IDLE
    assert place.policy_after(LATE_SECONDS + 0.01, 140.0) == os.SCHED_OTHER
    assert place.policy_after(0.0, 169.9) == os.SCHED_OTHER


def test_being_late_again_makes_the_while_longer() -> None:
    place = SchedulingPolicy()
    place.policy_after(1.0, 100.0)
    place.policy_after(1.0, 103.0)
    assert place.policy_after(0.0, 103.0 + NORMAL_SECONDS - 0.1) == os.SCHED_OTHER


def test_a_policy_is_every_threads_and_later_threads_too() -> None:
    script = """
import os, threading
from appliance import cpu_scheduling
go_on, seen = threading.Event(), []
def tell(): go_on.wait(); seen.append(os.sched_getscheduler(0))
early = threading.Thread(target=tell); early.start()
cpu_scheduling.set_scheduling_policy(os.SCHED_IDLE)
late = threading.Thread(target=tell); late.start()
go_on.set(); early.join(); late.join()
assert seen == [os.SCHED_IDLE] * 2, seen
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_thread_that_begins_meanwhile_is_reached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([["1"], ["1", "2"], ["1", "2"]])
    reached: list[int] = []
    monkeypatch.setattr(Path, "iterdir", lambda folder: (folder / name for name in next(looks)))
    monkeypatch.setattr(os, "sched_setscheduler", lambda thread, *_: reached.append(thread))
    cpu_scheduling.set_scheduling_policy(os.SCHED_IDLE)
    assert reached == [1, 2]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(("right", "can"), [(0, False), (15, True)])
def test_the_way_back_is_tried_before_it_is_relied_on(right: int, can: bool) -> None:
    found = subprocess.run(
        [sys.executable, "-c", TRY, str(right)], capture_output=True, text=True, timeout=60, check=False
    )
    if "may not" in found.stderr:
        pytest.skip("a container's root without the right to raise limits")
    # Whatever came of it, the process itself stayed where it was.
    assert json.loads(found.stdout) == [can, os.SCHED_OTHER], found.stderr


def test_where_many_wait_for_a_processor_nobody_steps_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    load = [4.1]
    monkeypatch.setattr(cpu_scheduling, "can_leave_idle", lambda: True)
    monkeypatch.setattr(cpu_scheduling, "set_scheduling_policy", lambda policy, **_: taken.append(policy))
    monkeypatch.setattr(os, "getloadavg", lambda: (load[0], 0.0, 0.0))
    scheduling = cpu_scheduling.AdaptiveScheduling(SchedulingPolicy(), most_load=4)
    scheduling.adapt(0.0, 100.0)
    assert taken == []
    load[0] = 4.0
    scheduling.adapt(0.0, 101.0)
    assert taken == [os.SCHED_IDLE]
    load[0] = 9.0
    scheduling.adapt(0.0, 102.0)
    assert taken == [os.SCHED_IDLE, os.SCHED_OTHER]


@pytest.mark.skipif(not cpu_scheduling.can_leave_idle(), reason="nobody here may come back from SCHED_IDLE")
@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="its number is not known here")
def test_who_comes_back_has_the_short_time_slice_again() -> None:
    script = """
import ctypes, os
from appliance.cpu_scheduling import LATE_SECONDS, AdaptiveScheduling, SchedulingPolicy
from appliance.niceness import shorten_time_slice
def slice_nanoseconds():
    found = ctypes.create_string_buffer(56)
    ctypes.CDLL(None).syscall({"x86_64": 315, "aarch64": 275}[os.uname().machine], 0, found, len(found), 0)
    return int.from_bytes(found.raw[24:32], "little")
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
shorten_time_slice()
asked = slice_nanoseconds()
scheduling = AdaptiveScheduling(SchedulingPolicy(), has_short_slice=True)
scheduling.adapt(0.0, 100.0)
assert os.sched_getscheduler(0) == os.SCHED_IDLE
scheduling.adapt(LATE_SECONDS + 0.1, 101.0)
assert (os.sched_getscheduler(0), slice_nanoseconds()) == (os.SCHED_OTHER, asked)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
