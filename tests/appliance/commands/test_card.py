"""`hallpass card settle` on a machine that is no card, and on a card that hangs below another machine's folder."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from appliance.card.contained_machine import ContainedMachine
from tests.fakes.card import FakeCard
from tests.fakes.programs import HALLPASS

# Only root may give files to others; for anybody else everything is theirs, as root of a namespace of their own.
IS_ROOT = os.geteuid() == 0
USERS = "root:x:0:0::/root:/bin/sh\n" + "".join(
    f"hallpass-{name}:x:{number if IS_ROOT else 0}:0::/:/bin/false\n"
    for name, number in (("agent", 991), ("web", 992), ("resolver", 993))
)
APART = ("unshare", "--uts", *([] if IS_ROOT else ["--map-root-user"]))
NAME = "the-technicians-laptop"


def settle(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `hallpass card` where a host name may be changed without harm; print the name that it has afterwards."""
    script = 'hostname "$1"; shift; "$@"; status=$?; hostname; exit $status'
    return subprocess.run(
        [*APART, "sh", "-c", script, "sh", NAME, *HALLPASS, "card", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def card(short_path: Path) -> FakeCard:
    made = FakeCard(short_path / "card")
    made.write_settings('[room]\nname = "Room 4"\n')
    made.paths.release.write_text("HALLPASS_VERSION=1.2.3\n")
    (made.paths.root / "etc/passwd").write_text(USERS)
    (made.paths.root / "etc/group").write_text(f"root:x:0:\nhallpass:x:{990 if IS_ROOT else 0}:\n")
    return made


@pytest.mark.parametrize("command", ["settle", "upstreams", "status"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["this machine", "a folder"])
def test_what_is_no_card_is_refused_and_stays_as_it_is(tmp_path: Path, command: str, *, elsewhere: bool) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("a-laptop\n")
    done = settle(command, *(["--root", str(tmp_path)] if elsewhere else []))
    assert done.returncode == 1
    assert "is no card of Hallpass" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == f"{NAME}\n"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["hostname"]


def test_a_card_below_a_folder_is_settled_and_nothing_else(card: FakeCard) -> None:
    card.paths.card_state.mkdir()
    card.paths.last_clock.touch()
    soon = time.time() + 2
    os.utime(card.paths.last_clock, (soon, soon))
    offset = time.time() - time.monotonic()
    done = settle("settle", "--root", str(card.paths.root))
    assert (done.returncode, done.stdout) == (0, f"{NAME}\n"), done.stderr
    assert abs(time.time() - time.monotonic() - offset) < 0.5
    assert card.paths.hostname_file.read_text() == "room-4\n"
    assert card.paths.room_settings.exists()
    assert (card.paths.room_data / "web").stat().st_uid == (992 if IS_ROOT else os.geteuid())


def test_a_bundle_that_must_stay_where_it_is_is_named(card: FakeCard) -> None:
    card.write_enrolment()
    done = settle("settle", "--root", str(card.paths.root))
    assert done.returncode == 0, done.stderr
    assert f"hallpass.bundle stays where everybody can read it: {card.paths.data} is not mounted" in done.stderr
    assert card.paths.boot_enrolment.exists()
    assert not card.paths.kept_enrolment.exists()


def test_a_link_that_leads_out_of_the_card_is_not_followed(card: FakeCard, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    card.paths.data.rmdir()
    card.paths.data.symlink_to(outside)
    (card.paths.root / "run").rmdir()
    (card.paths.root / "run").symlink_to(outside)
    done = settle("settle", "--root", str(card.paths.root))
    assert done.returncode == 1
    assert "leads out of" in done.stderr
    assert list(outside.iterdir()) == []


def test_this_machines_name_and_clock_are_never_touched_for_a_card_elsewhere(tmp_path: Path) -> None:
    machine = ContainedMachine(tmp_path)
    before = os.uname().nodename
    machine.set_host_name("another")
    machine.set_clock_forward(time.time() + 1)
    assert os.uname().nodename == before
