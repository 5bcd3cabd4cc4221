"""What a room decides by is damaged, before its start and while it runs: it answers, stays closed, and heals.

Real processes, real files, devices that ask all the while.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.room import local_overrides
from appliance.room.agent import installer
from appliance.room.conditions import Condition
from blocklists import builtin_list
from blocklists.errors import ListError
from blocklists.index import verify_index
from tests.fakes.asking_devices import AskingDevices
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import FAILED, OPEN, REFUSED, SCHOOLS_OWN, SILENT, EnrolledRoom, remove, wait_until
from tests.fakes.upstream import FakeUpstream

Damage = Callable[[Path], None]


def three_bytes(path: Path, at: float = 0.3) -> None:
    """Overwrite them where they lie."""
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * at))
        before = file.read(3)
        file.seek(-3, os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in before))


def everything_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


def flipped_in_the_footer(path: Path) -> None:
    """Flip what no CRC covers: the end of the file but for its magic."""
    with path.open("r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"\xff" * 10)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"no index at all" * 1000)
    new.replace(path)


def a_folder_instead(path: Path) -> None:
    path.unlink()
    (path / "something").mkdir(parents=True)


def a_dangling_link_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_link_in_a_circle_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


IN_PLACE: tuple[Damage, ...] = (three_bytes, everything_in_place, flipped_in_the_footer, cut, emptied)
INSTEAD: tuple[Damage, ...] = (
    replaced,
    remove,
    a_folder_instead,
    a_dangling_link_instead,
    a_link_in_a_circle_instead,
)


@pytest.fixture
def central() -> Iterator[FakeCentral]:
    with FakeCentral() as one:
        yield one


@pytest.fixture
def room(short_path: Path, central: FakeCentral) -> Iterator[EnrolledRoom]:
    with FakeUpstream() as upstream:
        one = EnrolledRoom(short_path, upstream, central)
        yield one
        one.stop()


def test_a_room_that_is_whole_says_nothing_of_damage(room: EnrolledRoom) -> None:
    room.start()
    assert room.ask("now.example") == REFUSED
    assert room.ask("before.example") == OPEN
    wait_until("health", room.said)
    assert room.conditions() == set()


@pytest.mark.parametrize("damage", [*IN_PLACE, *INSTEAD])
def test_a_room_starts_with_the_index_before_a_damaged_one(room: EnrolledRoom, damage: Damage) -> None:
    damage(room.index)
    room.start()
    assert [room.ask(name) for name in ("both.example", "before.example", *SCHOOLS_OWN)] == [REFUSED] * 4
    assert room.ask("www.example.org") == OPEN
    wait_until("health to say so", lambda: room.conditions() == {Condition.LISTS_DAMAGED})


@pytest.mark.parametrize("damage", [three_bytes, cut, remove, a_folder_instead])
def test_a_room_with_no_index_left_closes_what_the_list_of_hallpass_has(
    room: EnrolledRoom, damage: Damage
) -> None:
    for home in room.paths.indexes.iterdir():
        damage(home / room.index.name)
    room.start()
    gambling = builtin_list.builtin_names()["gambling"][0]
    assert [room.ask(name) for name in (gambling, *SCHOOLS_OWN)] == [REFUSED] * 3
    assert room.ask("www.example.org") == OPEN
    wait_until("health to say so", lambda: room.conditions() == {Condition.LISTS_DAMAGED})


@pytest.mark.parametrize("damage", IN_PLACE)
def test_an_index_damaged_where_it_lies_is_left_within_moments(room: EnrolledRoom, damage: Damage) -> None:
    room.start()
    assert room.ask("now.example") == REFUSED
    with AskingDevices(room, "www.example.org", *SCHOOLS_OWN) as devices:
        damage(room.index)
        wait_until("every worker's index before it", lambda: _all_say(room, "before.example", REFUSED))
        rounds = devices.rounds
        wait_until("more questions", lambda: devices.rounds > rounds + 50)
        assert _all_say(room, "both.example", REFUSED)
        assert _all_say(room, "before.example", REFUSED)
    assert devices.heard["www.example.org"] <= {OPEN, FAILED}
    for name in SCHOOLS_OWN:
        assert devices.heard[name] <= {REFUSED, FAILED}
    assert SILENT not in set.union(*devices.heard.values())
    wait_until("health to say so", lambda: room.conditions() == {Condition.LISTS_DAMAGED})


@pytest.mark.parametrize("damage", INSTEAD)
def test_an_index_whose_file_is_gone_goes_on_being_used_by_those_who_have_it(
    room: EnrolledRoom, damage: Damage
) -> None:
    room.start()
    with AskingDevices(room, "now.example", "both.example", *SCHOOLS_OWN) as devices:
        damage(room.index)
        wait_until("health to say so", lambda: room.conditions() == {Condition.LISTS_DAMAGED})
    assert set.union(*devices.heard.values()) == {REFUSED}


@pytest.mark.parametrize("damage", [three_bytes, cut, remove, a_folder_instead])
def test_a_damaged_index_is_fetched_again_from_central(
    room: EnrolledRoom, central: FakeCentral, damage: Damage
) -> None:
    room.start()
    room.start_agent()
    wait_until("the agent", lambda: central.health)
    with AskingDevices(room, *SCHOOLS_OWN) as devices:
        damage(room.index)
        wait_until("the index", lambda: _is_whole(room))
        wait_until("every worker's lists", lambda: _all_say(room, "before.example", OPEN))
        assert _all_say(room, "now.example", REFUSED)
        wait_until("a room that is well", lambda: room.said() and not room.conditions())
    assert set.union(*devices.heard.values()) <= {REFUSED, FAILED}


def _all_say(room: EnrolledRoom, name: str, what: str) -> bool:
    """Ask so often that each worker is asked."""
    return {room.ask(name) for _ in range(20)} == {what}


def _is_whole(room: EnrolledRoom) -> bool:
    try:
        return verify_index(room.paths.index) == room.version
    except (ListError, OSError):
        return False


def three_bits_in_a_name(path: Path) -> None:
    """Leave JSON that is whole, about another name."""
    content = path.read_bytes()
    assert content.count(b"the-schools-own") == 1
    with path.open("r+b") as file:
        file.seek(content.index(b"the-schools-own"))
        file.write(b"the-schnnls-own")


def half_of_it(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def of_another_kind(path: Path) -> None:
    path.write_bytes(b'{"version": "seven", "groups": 4}')


def with_a_mistake(path: Path) -> None:
    path.write_bytes(b'{"version": 7, "timezone": "Nowhere/Here"}')


POLICY_DAMAGES: tuple[Damage, ...] = (
    remove,
    emptied,
    half_of_it,
    three_bits_in_a_name,
    everything_in_place,
    of_another_kind,
    with_a_mistake,
    a_folder_instead,
    a_dangling_link_instead,
    a_link_in_a_circle_instead,
)


@pytest.mark.parametrize("damage", POLICY_DAMAGES)
def test_a_policy_that_vanishes_or_is_damaged_stays_in_force_through_restarts(
    room: EnrolledRoom, damage: Damage
) -> None:
    room.start()
    assert room.paths.last_good_policy.stat().st_mode & 0o777 == 0o600
    with AskingDevices(room, "both.example", *SCHOOLS_OWN) as devices:
        damage(room.paths.policy)
        wait_until("health to say so", lambda: room.conditions() == {Condition.POLICY_DAMAGED})
    assert set.union(*devices.heard.values()) == {REFUSED}
    assert room.ask("www.example.org") == OPEN
    for _ in range(2):
        room.stop()
        room.start()
        assert [room.ask(name) for name in ("both.example", *SCHOOLS_OWN)] == [REFUSED] * 3
        assert room.ask("www.example.org") == OPEN
    wait_until("health to say so", lambda: room.conditions() == {Condition.POLICY_DAMAGED})


@pytest.mark.parametrize("damage", [remove, half_of_it, three_bits_in_a_name, a_folder_instead])
def test_a_damaged_policy_is_fetched_again_from_central(
    room: EnrolledRoom, central: FakeCentral, damage: Damage
) -> None:
    room.start()
    room.start_agent()
    wait_until("the agent", lambda: central.health)
    with AskingDevices(room, *SCHOOLS_OWN) as devices:
        damage(room.paths.policy)
        wait_until("the policy", lambda: installer.installed_policy_version(room.paths) == 7)
        wait_until("a room that is well", lambda: room.said() and not room.conditions())
    assert set.union(*devices.heard.values()) == {REFUSED}


def test_a_damaged_policy_and_a_damaged_copy_close_everything(room: EnrolledRoom) -> None:
    room.start()
    room.stop()
    three_bits_in_a_name(room.paths.policy)
    three_bits_in_a_name(room.paths.last_good_policy)
    room.start()
    assert room.ask("both.example") == REFUSED
    wait_until("health to say so", lambda: room.conditions() == {Condition.POLICY_DAMAGED})


def test_a_room_that_never_had_a_policy_is_not_damaged(room: EnrolledRoom) -> None:
    room.paths.policy.unlink()
    room.start()
    assert room.ask("both.example") == REFUSED  # the strictest
    wait_until("health", room.said)
    assert room.conditions() == set()


def no_utf8(path: Path) -> None:
    """Leave one octet of a letter of two, in a text."""
    path.write_bytes(b'{"lessons": [{"id": "caf\xc3"}], "id": "caf\xc3", "process": "caf\xc3"}')


def a_thousand_brackets(path: Path) -> None:
    path.write_bytes(b'{"unknown": ' + b"[" * 100_000)


@pytest.mark.parametrize("damage", [no_utf8, a_thousand_brackets, a_folder_instead])
@pytest.mark.parametrize("name", ["local_overrides", "button_pause", "blocked_tunnels"])
def test_a_room_whose_own_decisions_are_damaged_starts_and_its_agent_lives(
    room: EnrolledRoom, central: FakeCentral, name: str, damage: Damage
) -> None:
    path: Path = getattr(room.paths, name)
    path.touch()
    damage(path)
    room.start()
    assert [room.ask(name) for name in ("both.example", *SCHOOLS_OWN)] == [REFUSED] * 3
    assert room.ask("www.example.org") == OPEN
    room.start_agent()
    wait_until("the agent", lambda: central.health)
    wait_until(
        "the file of the room's decisions",
        lambda: not local_overrides.read_active_overrides(room.paths.local_overrides, 0).damaged,
    )


@pytest.mark.parametrize("damage", [no_utf8, a_thousand_brackets])
def test_a_policy_that_is_no_text_and_has_no_checksum_is_fetched_again(
    room: EnrolledRoom, central: FakeCentral, damage: Damage
) -> None:
    room.start()
    room.paths.policy_digest.unlink()
    damage(room.paths.policy)
    room.start_agent()
    wait_until("the policy", lambda: installer.installed_policy_version(room.paths) == 7)
    wait_until("a room that is well", lambda: room.said() and not room.conditions())


def test_health_that_is_no_text_stops_no_agent(room: EnrolledRoom, central: FakeCentral) -> None:
    room.paths.health_folder.mkdir(parents=True)
    no_utf8(room.paths.health_folder / "card.json")
    room.start_agent()
    wait_until("the agent", lambda: central.health)


def test_a_link_in_a_circle_stops_no_agent(room: EnrolledRoom, central: FakeCentral) -> None:
    a_link_in_a_circle_instead(room.paths.index)
    room.start_agent()
    wait_until("the index", lambda: installer.installed_index_version(room.paths) == room.version)
    wait_until("the agent", lambda: central.health)
