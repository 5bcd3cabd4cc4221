"""A settings file is read whole, and every mistake in it is named at once."""

from pathlib import Path

import pytest

from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import Endpoint

MINIMAL = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:5300"]
upstreams = ["192.0.2.53"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "room.toml"
    path.write_text(text)
    return path


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(write(folder, text), RoomSettings)
    return caught.value.problems


def test_a_minimal_file_gets_sensible_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, MINIMAL), RoomSettings)
    assert settings.dns.rate_limit == 1000
    assert settings.dns.listen == (Endpoint("127.0.0.1", 5300),)
    assert settings.central is None


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, MINIMAL), RoomSettings).room.data == tmp_path / "data"


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load_settings(path, RoomSettings).room.name == "Room 4"


def test_every_mistake_is_reported_at_once_with_its_key(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        """
        [room]
        nmae = "Room 4"
        data = 5
        [dns]
        listen = ["127.0.0.1:5300", "localhost:53", "127.0.0.1:99999"]
        upstreams = ["192.0.2.53", "nonsense"]
        workers = -1
        clients = ["192.0.2.0/99"]
        [led]
        driver = "candle"
        """,
    )
    for expected in (
        "room.nmae: is not a setting; did you mean 'name'?",
        "room.name: is missing",
        "room.data: expected a path as text",
        "dns.listen[1]: 'localhost' is not an IP address",
        "dns.listen[2]: '127.0.0.1:99999' is not host:port (IPv6 in brackets)",
        "dns.upstreams[1]: 'nonsense' is not host:port (IPv6 in brackets)",
        "dns.workers: expected `int` >= 0",
        "led.driver: invalid enum value 'candle'",
    ):
        assert expected in problems
    assert any(problem.startswith("dns.clients[0]: ") for problem in problems)
    assert len(problems) == 9


def test_a_missing_file_and_a_file_that_is_no_toml_are_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml", RoomSettings)
    assert problems_of(tmp_path, "[room")[0].startswith("is not TOML")


def test_text_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(SettingsInvalid, match="is not UTF-8 text"):
        load_settings(path, RoomSettings)


def test_a_room_cannot_have_both_its_own_policy_and_a_central(tmp_path: Path) -> None:
    both = (
        MINIMAL + '[policy]\nclosed = []\n[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
    )
    assert any("leave one of the two out" in problem for problem in problems_of(tmp_path, both))


def test_central_is_at_a_port_that_there_is(tmp_path: Path) -> None:
    link = '[central]\nurl = "https://central.example.org:99999"\ntoken_file = "token"\n'
    assert any("Port out of range" in problem for problem in problems_of(tmp_path, MINIMAL + link))


@pytest.mark.parametrize("url", ["http://central.example.org", "ftp://central.example.org", "central.example.org"])
def test_central_is_reached_over_https_only(tmp_path: Path, url: str) -> None:
    problems = problems_of(tmp_path, MINIMAL + f'[central]\nurl = "{url}"\ntoken_file = "token"\n')
    assert any("must be https://" in problem for problem in problems)


def test_a_wrong_kind_of_section_is_a_mistake_and_no_crash(tmp_path: Path) -> None:
    assert any(problem.startswith("web: ") for problem in problems_of(tmp_path, 'web = "x"\n' + MINIMAL))


def test_a_socket_folder_with_too_long_a_path_is_said_at_once(tmp_path: Path) -> None:
    long = MINIMAL.replace('data = "data"', f'data = "{"d" * 120}"')
    assert any("too long for sockets" in problem for problem in problems_of(tmp_path, long))
