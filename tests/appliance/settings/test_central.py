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
        ('rooms_listen = "192.0.2.1:8082"', "without a certificate only a loopback address"),
        ('listen = "127.0.0.1:65535"', "no port after the pages'"),
        ('rooms_url = "http://central.example.org"', "rooms_url|https"),
        ("uplink_mbit = 0", "uplink_mbit: expected"),
        ("index_downloads = 0", "index_downloads: expected"),
    ],
)
def test_a_mistake_is_said_before_anything_starts(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "central.toml"
    path.write_text(f'[central]\nschool = "Example Primary"\ndata = "data"\n{line}\n')
    with pytest.raises(SettingsInvalid, match=problem):
        load_settings(path, CentralSettings)


def load(tmp_path: Path, lines: str) -> CentralSettings:
    path = tmp_path / "central.toml"
    path.write_text(f'[central]\nschool = "Example Primary"\ndata = "data"\n{lines}\n')
    return load_settings(path, CentralSettings)


def test_rooms_are_served_on_the_port_after_the_pages_unless_another_is_named(tmp_path: Path) -> None:
    assert str(load(tmp_path, 'listen = "[::1]:9000"').central.rooms_endpoint) == "[::1]:9001"
    assert str(load(tmp_path, 'rooms_listen = "127.0.0.1:9999"').central.rooms_endpoint) == "127.0.0.1:9999"


def test_what_centrals_share_is_in_the_data_folder_unless_another_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, "").central.shared_folder == tmp_path / "data"
    assert load(tmp_path, 'shared = "common"').central.shared_folder == tmp_path / "common"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('server = "mail.example.org:25"\nfrom = "hallpass@example.org"', "its port is a key of its own"),
        ('server = "mail.example.org"\nfrom = "nobody"', "no mail address"),
        ('server = "mail.example.org"', "from: is missing"),
        ('server = "mail.example.org"\nfrom = "a@example.org"\nusername = "a"', "belong together"),
        (
            'server = "mail"\nfrom = "a@b.org"\nencryption = "none"\nusername = "a"\npassword_file = "p"',
            "not sent without encryption",
        ),
        ('server = "mail.example.org"\nfrom = "a@example.org"\nencryption = "ssl"', "encryption: "),
    ],
)
def test_a_mistake_about_the_mail_server_is_said_before_anything_starts(
    tmp_path: Path, lines: str, problem: str
) -> None:
    with pytest.raises(SettingsInvalid, match=problem):
        load(tmp_path, f"[mail]\n{lines}")


def test_the_mail_server_is_asked_for_encryption_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    mail = load(tmp_path, '[mail]\nserver = "mail.example.org"\nfrom = "hallpass@example.org"').mail
    assert mail is not None
    assert (mail.port, mail.encryption) == (587, "starttls")
