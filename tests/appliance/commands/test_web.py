"""`hallpass web` on every address of a machine is found by IPv4 and by IPv6."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.commands.web import _port_for_centrals
from appliance.ports import with_ipv6
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import Endpoint

ROOT = Path(__file__).parents[3]
APART = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--net")
ASK_BOTH = """
import subprocess, sys, time, urllib.request
from pathlib import Path
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
pages = subprocess.Popen([sys.executable, "-m", "appliance", "web", "--config", sys.argv[1]])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    for host in ("127.0.0.1", "[::1]"):
        for _ in range(300):
            try:
                said = opener.open(f"http://{host}:8080/sign-in", timeout=20)
            except OSError:
                assert pages.poll() is None
                time.sleep(0.1)
            else:
                print(host, said.status)
                break
    others = [(one / "children").read_text() for one in Path(f"/proc/{pages.pid}/task").iterdir()]
    print(others if any(others) else "one process")
finally:
    pages.terminate()
    pages.wait(30)
"""


def test_pages_on_every_address_are_found_by_ipv4_and_by_ipv6_and_are_one_process(short_path: Path) -> None:
    config = short_path / "room.toml"
    config.write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[web]\nlisten = "0.0.0.0:8080"\n'
    )
    tools = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*APART, sys.executable, "-c", ASK_BOTH, str(config)],
        capture_output=True, text=True, check=False, env=tools, timeout=100,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["127.0.0.1 200", "[::1] 200", "one process"], done.stderr


@pytest.mark.parametrize("host", ["192.0.2.4", "127.0.0.1", "::", "2001:db8::4"])
def test_an_address_that_was_chosen_stays_the_one(host: str) -> None:
    assert with_ipv6(Endpoint(host, 80)) == Endpoint(host, 80)


def test_a_port_for_https_that_is_taken_keeps_no_pages_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "room.toml"
        config.write_text(
            '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
            f'[web]\nlisten = "127.0.0.1:8080"\nhttps_listen = "127.0.0.1:{port}"\n'
            '[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
        )
        settings = load_settings(config, RoomSettings)
        assert _port_for_centrals(settings) is None
        assert f"{port}" in capsys.readouterr().err
    assert _port_for_centrals(settings) == Endpoint("127.0.0.1", port)
