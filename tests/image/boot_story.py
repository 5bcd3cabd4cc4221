"""The image, booted: what a room sees of it from outside, and what a pulled plug does to it.

Not a part of `make test`, whose pattern this file's name does not match; `make image-test` names it. Limits are
several times what a quiet two-core machine needs; they bound a failure and are no measure of speed. The figures
are printed.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from appliance.image.layout import MIB, make_layout
from tests.image.conftest import ROOT
from tests.image.machine import Card, Machine

CLOSED, OPEN = "bet365.com", "open.example.org"
BOOTING = 600.0  # seconds until DNS answers, at the very most
SLOWLY = 2400.0  # the same for the emulated Pi, which has no second core to help it
SETTLING = 300.0
PIN = 17

Maker = Callable[[Path], Card]


def until_it_filters(machine: Machine, seconds: float = BOOTING) -> float:
    """Wait until a listed name is refused and another answered; return the seconds since power on."""
    machine.wait("a refusal", lambda: True if refused(machine) else None, seconds)
    machine.wait("an answer", lambda: True if answered(machine) else None, seconds)
    return machine.since_on()


def refused(machine: Machine) -> bool:
    said = machine.dig(CLOSED)
    return said is not None and said != "SERVFAIL" and "192.0.2." not in said


def answered(machine: Machine) -> bool:
    return (machine.dig(OPEN) or "").startswith("NOERROR 192.0.2.")


def said(text: str) -> None:
    sys.stderr.write(f"\n    {text}")


def test_a_card_that_nobody_personalised_filters_with_the_strictest_set(image: Path, make_card: Maker) -> None:
    card = make_card(image)
    with Machine(card) as machine:
        machine.wait("a refusal", lambda: True if refused(machine) else None, BOOTING)
        said(f"first boot of an unpersonalised card: DNS after {machine.since_on():.0f} s")
        closed = {name: machine.dig(name) for name in ("facebook.com", "pornhub.com", "malware.example")}
        assert all("192.0.2." not in (found or "192.0.2.") for found in closed.values()), closed
        machine.wait("the pages", machine.page, SETTLING)
        machine.wait("its status", lambda: card.read("hallpass-status.txt"), SETTLING, pause=10)
    status = (card.read("hallpass-status.txt") or b"").decode()
    assert "waits for" in status
    assert "everything is closed" in status


def test_a_room_from_power_on_to_power_off(
    personalised: Path, make_card: Maker, key: Path, tmp_path: Path
) -> None:
    card = make_card(personalised)
    # rpi-lgpio knows a Pi's chip by its driver, which a simulated one does not have.
    with Machine(card, more="systemd.setenv=RPI_LGPIO_CHIP=1") as machine:
        said(f"first boot: DNS after {until_it_filters(machine):.0f} s")
        page = machine.wait("the pages", machine.page, SETTLING)
        said(f"pages after {machine.since_on():.0f} s")
        assert "Hallpass" in page

        def run(command: str) -> str | None:
            return machine.ssh(command, key)

        machine.wait("the technician", lambda: run("true"), SETTLING)
        assert run("cat /proc/sys/kernel/hostname") == "room-4\n"
        processes = "hallpass-resolver hallpass-recorder hallpass-agent hallpass-web"
        machine.wait("all processes", lambda: run(f"systemctl is-active {processes}"), SETTLING)
        assert runs_as_the_card_says(run)
        grown = machine.wait("the data partition's growth", lambda: grown_to(run), SETTLING)
        said(f"data partition: {grown / MIB:.0f} MiB")
        assert grown > make_layout().data.size * 10

        the_lamp_lights(machine, run)
        for number in range(5):
            machine.dig(f"row{number}.example.org")
            machine.dig(CLOSED)
        machine.wait("the rows", lambda: rows_on(run), SETTLING)
        for unit in ("recorder", "web"):
            machine.wait(f"the {unit} stepping aside", partial(steps_aside, run, unit), SETTLING)
        the_pages_stand_by(machine, run)
        doctor = run("/opt/hallpass/bin/hallpass doctor; true")
        said(f"doctor:\n{doctor}")
        assert re.search(r"^ok +lamp", doctor or "", re.MULTILINE)
        assert run("sync; touch /usr/x; test ! -e /data/x") is not None

    files = tmp_path / "data"
    assert card.data(files) > make_layout().data.size * 10
    logged = log_of(files, tmp_path)
    assert {f"row{number}.example.org" for number in range(5)} <= logged
    assert CLOSED in logged


def runs_as_the_card_says(run: Callable[[str], str | None]) -> bool:
    """Return whether the resolver's process has compiled code where the card says so, and only there."""
    release = run("cat /etc/hallpass-release") or ""
    compiled = int(re.findall(r"^HALLPASS_COMPILED=(\d+)$", release, re.MULTILINE)[0])
    process = "$(systemctl show --property MainPID --value hallpass-resolver)"
    mapped = run(f"grep --count hallpass__mypyc /proc/{process}/maps; true") or ""
    said(f"modules that are compiled: {compiled}; pieces of them in the resolver's memory: {mapped.strip()}")
    return (compiled > 0) == (int(mapped) > 0)


def the_pages_stand_by(machine: Machine, run: Callable[[str], str | None]) -> None:
    """Let them rest sooner than after fifteen minutes, inside their sandbox, and come back as they were."""
    settings = "/run/hallpass/room.toml"
    has_section = run(f"grep -q '^.web.$' {settings}") is not None
    sooner = "standby_minutes = 0.2"
    change = (
        f"sed -i '/^.web.$/a {sooner}' {settings}"
        if has_section
        else f"printf '\\n[web]\\n{sooner}\\n' >> {settings}"
    )
    assert run(f"{change} && systemctl restart hallpass-web") is not None
    process = run("systemctl show --property MainPID --value hallpass-web")
    command = f"tr '\\0' ' ' < /proc/{(process or '').strip()}/cmdline"

    def rests() -> bool | None:
        return True if "appliance.standby" in (run(command) or "") else None

    machine.wait("the pages to stand by", rests, SETTLING)
    machine.wait("the pages", machine.page, SETTLING)
    assert run("systemctl show --property MainPID --value hallpass-web") == process
    said("the pages stood by, and came back in the same process")


def grown_to(run: Callable[[str], str | None]) -> int | None:
    size = run("systemctl is-active hallpass-grow >/dev/null; findmnt -bno SIZE /data")
    return int(size) if size and int(size) > make_layout().data.size * 2 else None


def the_lamp_lights(machine: Machine, run: Callable[[str], str | None]) -> None:
    """Put in a simulated chip, labelled as a Pi's; read the recorder's pin from the chip's other side."""
    chip = "/sys/kernel/config/gpio-sim/pi"
    made = run(
        f"modprobe gpio-sim && mount -t configfs none /sys/kernel/config 2>/dev/null; mkdir -p {chip}/bank0 && "
        f"echo 54 > {chip}/bank0/num_lines && echo pinctrl-bcm2835 > {chip}/bank0/label && "
        f"echo 1 > {chip}/live && "
        f"udevadm settle && ls -l /dev/gpiochip1 && systemctl restart hallpass-recorder && echo made"
    )
    assert made is not None
    assert made.endswith("made\n")
    assert "hallpass-lamp" in made
    line = f"cat /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio{PIN}/value"
    machine.wait("a dark lamp", lambda: True if run(line) == "0\n" else None, SETTLING)

    def lit() -> bool | None:
        machine.dig(CLOSED)
        return True if "1" in (run(f"for i in 1 2 3 4 5 6 7 8 9 10; do {line}; sleep 0.1; done") or "") else None

    machine.wait("a lit lamp", lit, SETTLING)


def rows_on(run: Callable[[str], str | None]) -> str | None:
    found = run("/opt/hallpass/bin/hallpass log search row4 --config /run/hallpass/room.toml --format jsonl")
    return found or None


def steps_aside(run: Callable[[str], str | None], unit: str) -> bool | None:
    """Tell whether a unit has the processor last: proc(5), the policy in `stat`."""
    found = run(f"cut -d' ' -f41 /proc/$(systemctl show -P MainPID hallpass-{unit})/stat")
    return True if found == f"{os.SCHED_IDLE}\n" else None


def log_of(data: Path, folder: Path) -> set[str]:
    """Read the names in the log of a data partition that was copied from a card."""
    settings = folder / "room.toml"
    settings.write_text(
        f'[room]\nname = "Room 4"\ndata = "{data / "hallpass"}"\n[dns]\nupstreams = ["192.0.2.53"]\n'
    )
    command = [sys.executable, "-m", "appliance", "log", "search", "--config", str(settings), "--format", "jsonl"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return {json.loads(line)["name"] for line in printed.splitlines()}


def is_past(machine: Machine, moment: float) -> bool | None:
    """Tell whether a machine has been on for longer than that (seconds); None while it has not."""
    return True if machine.since_on() > moment else None


def test_a_pulled_plug_harms_nothing(
    request: pytest.FixtureRequest, personalised: Path, make_card: Maker, tmp_path: Path
) -> None:
    cuts = request.config.getoption("--power-cuts")
    chance = random.Random(4)  # the same moments in each run
    card = make_card(personalised)
    for cut in range(1, cuts + 1):
        with Machine(card) as machine, asking(machine):
            took = until_it_filters(machine)
            moment = chance.uniform(0.0, 12.0)  # the log is written each second, files are synced, the disk grows
            machine.wait("the moment", partial(is_past, machine, machine.since_on() + moment), 60)
        said(f"cut {cut} of {cuts}: filtered after {took:.0f} s, the plug pulled {moment:.1f} s later")
    with Machine(card) as machine:
        until_it_filters(machine)
        machine.wait("the pages", machine.page, SETTLING)
    assert log_of_whole(card, tmp_path)


def log_of_whole(card: Card, folder: Path) -> set[str]:
    files = folder / "data"
    card.data(files)
    return log_of(files, folder)


class asking:  # noqa: N801 (reads as `with asking(machine)`)
    """Names nobody asked before, without end, so that the log is being written when the plug is pulled."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        number = 0
        while not self._over.is_set():
            if self._machine.dig(f"n{number}.{self._machine.began:.0f}.example.org") is None:
                self._over.wait(1.0)
            number += 1


def test_damaged_settings_are_explained_beside_them(personalised: Path, make_card: Maker) -> None:
    card = make_card(personalised)
    with Machine(card) as machine:
        until_it_filters(machine)
    card.write("hallpass.toml", b'\xef\xbb\xbf[room]\r\nname = "Room 4\r\n')
    with Machine(card) as machine:
        said(f"with damaged settings: filtered after {until_it_filters(machine):.0f} s")
    problem = (card.read("hallpass-problem.txt") or b"").decode()
    assert "hallpass.toml" in problem
    assert "line 2" in problem


@pytest.mark.timeout(7200)
def test_an_emulated_pi_boots_it_from_its_card_reader(personalised: Path, make_card: Maker) -> None:
    card = make_card(personalised)
    with Machine(card, "raspi3b") as machine:
        said(f"raspi3b: filtered after {until_it_filters(machine, SLOWLY):.0f} s")
        machine.wait("the pages", machine.page, SLOWLY)
        said(f"raspi3b: pages after {machine.since_on():.0f} s")
