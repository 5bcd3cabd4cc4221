"""The room's resolver: what it says when it cannot start, and how it follows its files."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import HallpassError
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths
from appliance.room.policy_source import RoomPolicySource
from appliance.room.resolver import PageAddresses, run_resolver
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.policy.compiled_policy import CompiledPolicy
from tests.fakes.resolvers import question

ROOM = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:{port}"]
upstreams = ["127.0.0.1:9"]
workers = 1
[web]
listen = "{web}:8080"
[central]
url = "http://127.0.0.1:1"
token_file = "token"
"""


def settings_at(folder: Path, port: int = 0, web: str = "127.0.0.1") -> RoomSettings:
    path = folder / "room.toml"
    path.write_text(ROOM.format(port=port, web=web))
    return load_settings(path, RoomSettings)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_somebody_holds_is_said_in_one_line(
    tmp_path: Path, kind: socket.SocketKind, *, shared: bool
) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(HallpassError) as caught:
            run_resolver(settings_at(tmp_path, port))
        assert str(caught.value) == (
            f"DNS cannot listen on 127.0.0.1:{port}: Address already in use; see [dns] listen"
        )


def test_a_room_says_when_it_answers_and_stops_in_good_order(tmp_path: Path) -> None:
    settings_at(tmp_path)
    command = [sys.executable, "-m", "appliance", "resolver", "--config", str(tmp_path / "room.toml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline().strip()
        assert said.startswith("hallpass resolver: answering on 127.0.0.1:")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.connect(("127.0.0.1", int(said.rpartition(":")[2])))
            sock.send(question("use-application-dns.net"))
            assert sock.recv(2048)[3] & 0x0F == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_policy_put_in_place_is_noticed_once(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    paths = RoomPaths.from_settings(settings)
    files = RoomPolicySource(settings, paths)
    assert not files.has_changed()
    new = tmp_path / "new"
    new.write_text(
        '{"version": 7, "default_group": "p", "groups": [{"name": "p", "profile": "q"}], '
        '"profiles": [{"name": "q"}]}'
    )
    new.rename(paths.policy)
    assert files.has_changed()
    assert files.load().version == 7
    assert not files.has_changed()


def test_a_policy_that_cannot_be_read_is_one_line_and_leaves_the_last_good_one(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    paths = RoomPaths.from_settings(settings)
    files = RoomPolicySource(settings, paths)
    before = files.current()
    assert isinstance(before, CompiledPolicy)
    paths.policy.parent.mkdir(parents=True, exist_ok=True)
    paths.policy.write_text("{")
    assert files.load().document == before.document
    assert re.fullmatch(r"[^\n]*policy\.json[^\n]*", files.conditions[Condition.POLICY_DAMAGED])
    assert not files.has_changed()  # it is not tried again until something changes


def test_the_page_is_where_the_settings_say(tmp_path: Path) -> None:
    assert PageAddresses(settings_at(tmp_path, web="192.0.2.5")).current_addresses() == ("192.0.2.5",)
    for address in PageAddresses(settings_at(tmp_path, web="0.0.0.0")).current_addresses():
        assert address not in {"0.0.0.0", "::"}
