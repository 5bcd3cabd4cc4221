"""Everything that a room runs on is damaged, in each way, while it runs and before its start, under load.

DNS is answered and filtered throughout, the school's blocks stay closed, nothing else is lost, and a room whose
central is there has healed within a minute. Each round damages many files at once, each in another way; over the
rounds each file meets each damage. What stands in for a file is never damaged in the same round as the file. Each
damage by itself, while running and at the start: `-m exhaustive`.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.room.reliability import THINGS, DurableThing
from tests.fakes.asking_devices import AskingDevices
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import FAILED, OPEN, REFUSED, SCHOOLS_OWN, remove
from tests.fakes.upstream import FakeUpstream
from tests.fakes.whole_room import OPEN_NAME, WholeRoom, is_root

HEAL_SECONDS = 60.0
NOBODY = 65534

Damage = Callable[[Path], None]


def missing(path: Path) -> None:
    remove(path)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def bits_flipped(path: Path) -> None:
    with path.open("r+b") as file:
        content = bytearray(file.read())
        for at in range(len(content) // 3, len(content), max(1, len(content) // 5)):
            content[at] ^= 0x55
        file.seek(0)
        file.write(content)


def of_another_owner(path: Path) -> None:
    path.chmod(0o600 if is_root() else 0o000)
    if is_root():
        os.chown(path, NOBODY, NOBODY)


def read_only(path: Path) -> None:
    path.chmod(0o400)


def a_folder_instead(path: Path) -> None:
    remove(path)
    (path / "below").mkdir(parents=True)


def a_pipe_instead(path: Path) -> None:
    remove(path)
    os.mkfifo(path)


def full_of_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))  # what a power cut leaves of a file that was just written


def longer_than_it_was(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\xff{" * 3000)


def enormous(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 6 * 2**30)  # a flipped bit in its length; its blocks are not there


def a_dangling_link(path: Path) -> None:
    remove(path)
    path.symlink_to("f" * 64)


def a_link_in_a_circle(path: Path) -> None:
    remove(path)
    path.symlink_to(path.name)


def a_link_to_a_device(path: Path) -> None:
    remove(path)
    path.symlink_to("/dev/zero")  # which never ends


def a_socket_instead(path: Path) -> None:
    remove(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


DAMAGES: tuple[Damage, ...] = (
    missing,
    emptied,
    cut_short,
    bits_flipped,
    of_another_owner,
    read_only,
    a_folder_instead,
    a_pipe_instead,
)
# Which no bit alone does, but a damaged folder, a power cut or somebody's hand.
RARER_DAMAGES: tuple[Damage, ...] = (
    full_of_zeros,
    longer_than_it_was,
    enormous,
    a_dangling_link,
    a_link_in_a_circle,
    a_link_to_a_device,
    a_socket_instead,
)
REPLACEMENTS = (
    missing,
    a_folder_instead,
    a_pipe_instead,
    a_dangling_link,
    a_link_in_a_circle,
    a_link_to_a_device,
    a_socket_instead,
)
STAND_INS = ("`policy.sha256`", "`resolver/policy.last-good`", "`state.db`", "`own.json.copy`", "`index`")
FIRST = tuple(one for one in THINGS if not one.name.startswith(STAND_INS))
SECOND = tuple(one for one in THINGS if one.name.startswith(STAND_INS))


@pytest.fixture
def room(short_path: Path) -> Iterator[WholeRoom]:
    with FakeCentral() as central, FakeUpstream() as upstream:
        one = WholeRoom(short_path, upstream, central)
        yield one
        one.stop()


def damage_file(path: Path, damage: Damage) -> None:
    """Damage what stands there; a socket or a link can only be taken away or replaced."""
    if not os.path.lexists(path):
        return
    if (path.is_file() and not path.is_symlink()) or damage in REPLACEMENTS:
        damage(path)


def wait_until_healed(room: WholeRoom) -> None:
    until = time.monotonic() + HEAL_SECONDS
    while troubles := room.troubles():
        assert time.monotonic() < until, f"{troubles}\n{room.said_so_far()}"
        time.sleep(0.2)


def damage_and_watch(room: WholeRoom, damages: list[tuple[Path, Damage]], *, is_running: bool) -> None:
    room.start_room()
    wait_until_healed(room)
    if not is_running:
        room.stop()
        for path, damage in damages:
            damage_file(path, damage)
        room.has_lost_state = not room.paths.agent_store.exists()
        room.start_room()
    with AskingDevices(room, *SCHOOLS_OWN, OPEN_NAME, pause=0.02) as devices:
        if is_running:
            for path, damage in damages:
                damage_file(path, damage)
        wait_until_healed(room)
    for name in SCHOOLS_OWN:
        assert devices.heard[name] <= {REFUSED, FAILED}, name
    assert devices.heard[OPEN_NAME] <= {OPEN, FAILED}
    assert REFUSED in devices.heard[SCHOOLS_OWN[0]]


@pytest.mark.parametrize("shift", range(len(DAMAGES)))
@pytest.mark.parametrize("things", [FIRST, SECOND], ids=["what it runs on", "what stands in"])
def test_a_room_heals_whatever_becomes_of_its_files(
    room: WholeRoom, things: tuple[DurableThing, ...], shift: int
) -> None:
    damages = [
        (path, DAMAGES[(number + shift) % len(DAMAGES)])
        for number, thing in enumerate(things)
        for path in thing.files(room.paths)
    ]
    damage_and_watch(room, damages, is_running=shift % 2 == 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "at start"])
@pytest.mark.parametrize("damage", DAMAGES + RARER_DAMAGES)
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
def test_a_room_heals_from_each_damage_to_each_file(
    room: WholeRoom, thing: DurableThing, damage: Damage, *, is_running: bool
) -> None:
    damage_and_watch(room, [(path, damage) for path in thing.files(room.paths)], is_running=is_running)
