"""A process that needs a policy gets one, whatever stands on the disk; a room alone has its own rungs."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.errors import HallpassError
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists import builtin_list
from blocklists.container import INDEX_NAME
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.verdict import Action
from tests.fakes.enrolled import compiled, policy
from tests.fakes.policies import NOW

ALONE = """
[room]
name = "Room 4"
data = "data"
[dns]
upstreams = ["192.0.2.53"]
"""
BY_HAND = """
version = 3
default_group = "pupils"
groups = [{name = "pupils", profile = "pupils"}]
profiles = [{name = "pupils", closed = ["gambling"]}]
rules = [{name = "the-schools-own.example", action = "block"}]
"""


def room(folder: Path, more: str) -> tuple[RoomSettings, RoomPaths]:
    (folder / "room.toml").write_text(ALONE + more)
    settings = load_settings(folder / "room.toml", RoomSettings)
    paths = RoomPaths.from_settings(settings)
    paths.data.mkdir(exist_ok=True)
    return settings, paths


def resolver(settings: RoomSettings, paths: RoomPaths) -> PolicyLoader:
    return PolicyLoader(settings, paths, keeps_copy=True, clock_trusted=lambda: True, now=lambda: NOW)


def closes(policy: CompiledPolicy, name: str) -> bool:
    return policy.view("192.0.2.10").decide(name, 1, NOW).action is Action.BLOCK


def test_a_room_alone_by_its_settings_has_no_policy_that_could_be_missing(tmp_path: Path) -> None:
    loader = resolver(*room(tmp_path, '[policy]\nclosed = ["gambling"]\n'))
    assert closes(loader.load(), builtin_list.builtin_names()["gambling"][0])
    assert loader.conditions == {}


def test_a_policy_by_hand_that_vanishes_stays_in_force_through_restarts(tmp_path: Path) -> None:
    settings, paths = room(tmp_path, '[policy]\ndocument = "own.toml"\n')
    (tmp_path / "own.toml").write_text(BY_HAND)
    first = resolver(settings, paths)
    first.load()
    (tmp_path / "own.toml").unlink()
    for loader in (first, resolver(settings, paths)):
        assert closes(loader.load(), "the-schools-own.example")
        assert "own.toml" in loader.conditions[Condition.POLICY_DAMAGED]
    (tmp_path / "own.toml").write_text(BY_HAND)
    first.load()
    assert first.conditions == {}


def test_a_policy_by_hand_with_a_mistake_is_an_error_where_there_was_none_before(tmp_path: Path) -> None:
    settings, paths = room(tmp_path, '[policy]\ndocument = "own.toml"\n')
    (tmp_path / "own.toml").write_text("version = [")
    with pytest.raises(HallpassError, match=r"own\.toml"):
        resolver(settings, paths).load()


def test_the_copy_of_another_policy_is_not_used_for_this_one(tmp_path: Path) -> None:
    settings, paths = room(tmp_path, '[policy]\ndocument = "own.toml"\n')
    (tmp_path / "own.toml").write_text(BY_HAND)
    resolver(settings, paths).load()
    with pytest.raises(HallpassError, match=r"other\.toml"):
        resolver(*room(tmp_path, '[policy]\ndocument = "other.toml"\n')).load()
    (tmp_path / "token").write_text("token")
    enrolled = resolver(*room(tmp_path, '[central]\nurl = "http://127.0.0.1:1"\ntoken_file = "token"\n'))
    assert enrolled.load().version == 0
    assert enrolled.conditions == {}


def test_an_index_of_a_room_alone_that_is_missing_gives_way_to_the_list_of_hallpass(tmp_path: Path) -> None:
    _, content = compiled(tmp_path, "lists", "listed.example")
    settings, paths = room(tmp_path, '[policy]\nclosed = ["gambling"]\n[lists]\nindex = "lists"\n')
    assert closes(resolver(settings, paths).load(), "listed.example")
    (tmp_path / "lists" / INDEX_NAME).unlink()
    loader = resolver(settings, paths)
    assert closes(loader.load(), builtin_list.builtin_names()["gambling"][0])
    assert "index.hpx" in loader.conditions[Condition.LISTS_DAMAGED]
    (tmp_path / "lists" / INDEX_NAME).write_bytes(content)
    assert closes(loader.load(), "listed.example")
    assert loader.conditions == {}


def test_lists_that_were_damaged_and_are_the_same_again_begin_anew(tmp_path: Path) -> None:
    compiled(tmp_path, "lists", "listed.example")
    loader = resolver(*room(tmp_path, '[policy]\nclosed = ["gambling"]\n[lists]\nindex = "lists"\n'))
    first, again = loader.load(), loader.load()
    assert again.names_changed_since(first) == ()
    index = tmp_path / "lists" / INDEX_NAME
    content = index.read_bytes()
    with index.open("r+b") as file:
        file.write(os.urandom(len(content)))
    assert not loader.is_whole()
    index.unlink()
    index.write_bytes(content)
    healed = loader.load()
    assert healed.names_changed_since(again) is None  # what the damaged ones let through is forgotten
    assert loader.load().names_changed_since(healed) == ()


def test_flips_that_nobody_sees_from_outside_are_found_by_reading(tmp_path: Path) -> None:
    compiled(tmp_path, "lists", "listed.example")
    loader = resolver(*room(tmp_path, '[policy]\nclosed = ["gambling"]\n[lists]\nindex = "lists"\n'))
    loader.load()
    assert loader.is_whole()
    with (tmp_path / "lists" / INDEX_NAME).open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    loader._index_fallback.mapped_state = lambda: ()  # type: ignore[method-assign]  # nothing is seen from outside
    assert not loader.is_whole()
    assert closes(loader.load(), builtin_list.builtin_names()["gambling"][0])


def test_a_starter_list_that_cannot_be_written_is_made_elsewhere(tmp_path: Path) -> None:
    settings, paths = room(tmp_path, "")
    (paths.data / "starter").write_text("a file where a folder belongs")
    assert closes(resolver(settings, paths).load(), builtin_list.builtin_names()["gambling"][0])


def test_what_the_room_adds_cannot_stop_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    settings, paths = room(tmp_path, '[central]\nurl = "http://127.0.0.1:1"\ntoken_file = "token"\n')
    paths.policy.write_bytes(policy())
    paths.local_overrides.write_bytes(
        b'{"unblocks": [{"id": "1", "site": "no name at all", "since": "2020-01-01T00:00:00Z",'
        b' "until": "2100-01-01T00:00:00Z"}]}'
    )
    loader = resolver(settings, paths)
    assert closes(loader.load(), builtin_list.builtin_names()["gambling"][0])
    assert Condition.POLICY_DAMAGED in loader.conditions


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


_VERSION_3 = 0x20080522  # capset(2)
_READ_ANYTHING = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def owners_rights() -> Iterator[None]:
    """May read what the owner may, and no more: root may read everything.

    Not another user's rights: the code itself may lie where only its owner looks, and reads itself later.
    """
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = _CapabilityHeader(_VERSION_3, 0), (_CapabilityData * 2)()
    assert libc.capget(ctypes.byref(header), before) == 0
    fewer = (_CapabilityData * 2).from_buffer_copy(before)
    fewer[0].effective &= ~_READ_ANYTHING
    assert libc.capset(ctypes.byref(header), fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), before) == 0


def test_what_may_not_be_read_is_damaged(short_path: Path) -> None:
    short_path.chmod(0o755)
    (short_path / "token").write_text("token")
    settings, paths = room(short_path, '[central]\nurl = "http://127.0.0.1:1"\ntoken_file = "token"\n')
    paths.policy.write_bytes(policy())
    paths.indexes.mkdir()
    compiled(paths.indexes, "before", "listed.example")
    paths.index.symlink_to(paths.indexes / "before")
    assert resolver(settings, paths).load().version == 7
    gambling = builtin_list.builtin_names()["gambling"][0]
    for path, version, closed in (
        (paths.policy, 7, "listed.example"),  # the policy that was good last
        (paths.index / INDEX_NAME, 7, gambling),  # the list that Hallpass brings
        (paths.data, 0, gambling),  # neither: the strictest policy
    ):
        path.chmod(0)
        with owners_rights():
            loader = PolicyLoader(settings, paths, clock_trusted=lambda: True, now=lambda: NOW)
            found = loader.load()
        path.chmod(0o755)
        assert (found.version, closes(found, closed)) == (version, True)
        assert loader.conditions
