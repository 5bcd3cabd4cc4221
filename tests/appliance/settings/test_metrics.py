"""Who may read figures is said by name, and a mistake is reported with its key."""

from pathlib import Path

import pytest

from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings


def load(tmp_path: Path, lines: str) -> RoomSettings:
    path = tmp_path / "room.toml"
    path.write_text(f'[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n{lines}\n')
    return load_settings(path, RoomSettings)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('networks = ["192.0.2.20"]', "metrics.*no other machine reaches 127.0.0.1:9153"),
        ('listen = "0.0.0.0:9153"', "metrics.*name who may read"),
        ('listen = "0.0.0.0:9153"\nnetworks = ["0.0.0.0/0"]', "wider than a school"),
        ('listen = "[::]:9153"\nnetworks = ["2001:db8::/32"]', "wider than a school"),
        ('listen = "0.0.0.0:9153"\nnetworks = ["nobody"]', "nobody"),
        ("listen = 9153", "metrics.listen: expected text"),
    ],
)
def test_a_mistake_is_said_with_its_key(tmp_path: Path, lines: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid, match=problem):
        load(tmp_path, f"[metrics]\n{lines}")


def test_nothing_is_served_until_the_section_is_there_and_then_to_this_machine_alone(tmp_path: Path) -> None:
    assert load(tmp_path, "").metrics is None
    settings = load(tmp_path, "[metrics]").metrics
    assert settings is not None
    assert (str(settings.listen), settings.open_port) == ("127.0.0.1:9153", None)


def test_a_named_machine_reads_beside_this_one(tmp_path: Path) -> None:
    settings = load(
        tmp_path, '[metrics]\nlisten = "[::]:9000"\nnetworks = ["192.0.2.20", "2001:db8:1::/48"]'
    ).metrics
    assert settings is not None
    assert list(map(str, settings.readers)) == ["127.0.0.0/8", "::1/128", "192.0.2.20/32", "2001:db8:1::/48"]
    assert settings.open_port == 9000
