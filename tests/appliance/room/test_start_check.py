"""What keeps a room from starting for good is told apart from what heals or passes."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.room import start_check
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import LastGoodPolicy
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.fakes.ports import free_port

ROOM = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:{dns}"]
upstreams = ["127.0.0.1:9"]
{more}
[web]
listen = "127.0.0.1:{web}"
"""


def settings(folder: Path, dns: int = 0, web: int = 0, more: str = "") -> RoomSettings:
    file = folder / "room.toml"
    file.write_text(ROOM.format(dns=dns or free_port(), web=web or free_port(), more=more))
    return load_settings(file, RoomSettings)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_what_a_healthy_room_has_is_no_reason_to_give_up(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert [name for name in ("recorder", "resolver", "agent", "web") if start_check.is_hopeless(name, made)] == []


def test_a_port_that_somebody_else_holds_is_one(tmp_path: Path, taken: int) -> None:
    assert start_check.is_hopeless("resolver", settings(tmp_path, dns=taken))
    assert start_check.is_hopeless("web", settings(tmp_path, web=taken))


def test_a_certificate_that_is_not_there_is_none(tmp_path: Path) -> None:
    more = '[dns.tls]\ncertificate = "no.pem"\nkey = "no.key"\nlisten = []\nhttps = []'
    assert not start_check.is_hopeless("resolver", settings(tmp_path, more=more))


def test_a_policy_by_hand_must_be_right_once(tmp_path: Path) -> None:
    made = settings(tmp_path, more='[policy]\ndocument = "policy.toml"')
    document = tmp_path / "policy.toml"
    document.write_text("this is no policy")
    assert start_check.is_hopeless("resolver", made)
    LastGoodPolicy(RoomPaths.from_settings(made).last_good_policy, f"file {document}").write_copy(b"version = 1\n")
    assert not start_check.is_hopeless("resolver", made)


@pytest.mark.parametrize("name", ["recorder", "agent"])
def test_what_else_is_damaged_gives_hope(tmp_path: Path, name: str) -> None:
    made = settings(tmp_path)
    made.room.data.mkdir()
    RoomPaths.from_settings(made).agent_store.write_bytes(b"no database" * 100)
    assert not start_check.is_hopeless(name, made)
