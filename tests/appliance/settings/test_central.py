"""What central's settings refuse, before a room ever hears of it."""

from pathlib import Path

import pytest

from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('timezone = "Europe/Atlantis"', "is no time zone"),
        ('timezone = "../../etc/passwd"', "is no time zone"),
        ('listen = "192.0.2.1:8081"', "without a certificate only a loopback address"),
        ("listen = 8081", "expected text"),
    ],
)
def test_a_mistake_is_said_before_anything_starts(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "central.toml"
    path.write_text(f'[central]\nschool = "Example Primary"\ndata = "data"\n{line}\n')
    with pytest.raises(SettingsInvalid, match=problem):
        load_settings(path, CentralSettings)
