"""What waits for DNS says so to the kernel."""

import os
import platform
import subprocess
import sys

import pytest

from appliance.niceness import NICENESS, SLICE_NANOSECONDS

_KERNEL = tuple(int(part) for part in platform.release().split(".")[:2])
_SCRIPT = """
import ctypes, os
from appliance.niceness import shorten_time_slice, step_aside_for_dns
step_aside_for_dns()
done = shorten_time_slice()
found = ctypes.create_string_buffer(56)
ctypes.CDLL(None).syscall({"x86_64": 315, "aarch64": 275}[os.uname().machine], 0, found, len(found), 0)
print(os.nice(0), done, int.from_bytes(found.raw[24:32], "little"))
"""


def run() -> list[str]:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="its number is not known here")
def test_what_waits_for_dns_is_nicer_and_gives_the_processor_back_soon() -> None:
    niceness, done, slice_nanoseconds = run()
    assert int(niceness) == min(os.nice(0) + NICENESS, 19)
    assert done == "True"
    assert int(slice_nanoseconds) == (SLICE_NANOSECONDS if _KERNEL >= (6, 12) else 0)


def test_nothing_of_it_needs_what_a_cards_sandbox_forbids() -> None:
    script = """
import os
def forbidden(*_):
    raise PermissionError("setpriority(2), by which nice(2) is made, is one of systemd's @resources")
os.nice = os.setpriority = forbidden
from appliance.niceness import shorten_time_slice, step_aside_for_dns
step_aside_for_dns()
shorten_time_slice()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
