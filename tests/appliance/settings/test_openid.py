"""[openid]: what is refused, with its key."""

from pathlib import Path

import pytest

from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings

CENTRAL = '[central]\nschool = "Example Primary"\ndata = "central"\n'
URL = 'url = "https://hallpass.example.org"\n'
GOOD = 'issuer = "https://login.example.org"\nclient_id = "hallpass"\n'


def load(tmp_path: Path, text: str) -> CentralSettings:
    path = tmp_path / "central.toml"
    path.write_text(text)
    return load_settings(path, CentralSettings)


def test_a_provider_needs_little_and_its_secret_lies_beside_the_file(tmp_path: Path) -> None:
    found = load(tmp_path, f'{CENTRAL}{URL}[openid]\n{GOOD}client_secret_file = "openid.secret"\n').openid
    assert found is not None
    assert found.client_secret_file == tmp_path / "openid.secret"
    assert (found.account_claim, found.passwords, found.new_account_role) == ("email", True, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{CENTRAL}[openid]\n{GOOD}", "url"),
        (f'{CENTRAL}{URL}[openid]\nissuer = "http://login.example.org"\nclient_id = "x"\n', "issuer"),
        (f'{CENTRAL}{URL}[openid]\n{GOOD}scopes = ["email"]\n', "scopes"),
        (f'{CENTRAL}{URL}[openid]\n{GOOD}roles_claim = "groups"\n', "roles"),
        (f'{CENTRAL}{URL}[openid]\n{GOOD}new_account_role = "king"\n', "new_account_role"),
        (f'{CENTRAL}{URL}[openid]\n{GOOD}roles_claim = "g"\n[openid.roles]\nx = "king"\n', "roles"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says):
        load(tmp_path, text)
