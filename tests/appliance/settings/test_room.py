"""Where a room's pages are served over HTTPS with the certificate that comes from central."""

from pathlib import Path

import pytest

from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings

ENROLLED = '[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
OWN = '[web.tls]\ncertificate = "c"\nkey = "k"\nlisten = "0.0.0.0:8443"\n'
ENCRYPTED_DNS = '[dns.tls]\ncertificate = "c"\nkey = "k"\n'


def served(folder: Path, more: str) -> str:
    """Return where; "": nowhere."""
    file = folder / "room.toml"
    file.write_text(f'[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n{more}')
    endpoint = load_settings(file, RoomSettings).https_listen
    return "" if endpoint is None else str(endpoint)


def test_beside_port_80_it_is_port_443_of_the_same_address(tmp_path: Path) -> None:
    assert served(tmp_path, ENROLLED) == "0.0.0.0:443"
    assert served(tmp_path, f'[web]\nlisten = "[2001:db8::4]:80"\n{ENROLLED}') == "[2001:db8::4]:443"


@pytest.mark.parametrize(
    "more",
    [
        "", '[web]\nhttps_listen = "0.0.0.0:8443"\n', ENROLLED + OWN, ENROLLED + ENCRYPTED_DNS,
        f'[web]\nlisten = "127.0.0.1:8080"\n{ENROLLED}',
    ],
    ids=["alone", "alone, with a port", "a certificate of its own", "DNS over HTTPS there", "another port"],
)  # fmt: skip
def test_it_is_nowhere_where_nothing_comes_or_something_else_is_there(tmp_path: Path, more: str) -> None:
    assert served(tmp_path, more) == ""


def test_a_port_that_is_named_is_the_one_and_may_not_be_anothers(tmp_path: Path) -> None:
    named = '[web]\nlisten = "0.0.0.0:8080"\nhttps_listen = "0.0.0.0:{port}"\n' + ENROLLED
    assert served(tmp_path, named.format(port=8443) + ENCRYPTED_DNS) == "0.0.0.0:8443"
    for words, more in (
        ("web.https_listen: port 8080 is that of the pages", named.format(port=8080)),
        (r"web.https_listen: port 443 is that of \[dns.tls\]", named.format(port=443) + ENCRYPTED_DNS),
        ("has its own listen", named.format(port=8444) + OWN),
    ):
        with pytest.raises(SettingsInvalid, match=words):
            served(tmp_path, more)
