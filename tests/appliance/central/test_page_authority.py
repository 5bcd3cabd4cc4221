"""The school's authority for pages: what it signs is believed for the school's own names, and for nothing else."""

import datetime as dt
import json
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from appliance.central import page_authority
from appliance.central.errors import NotPossible
from appliance.central.page_authority import AUTHORITY_FILE, KEY_FILE, issue_certificate, make_authority
from appliance.commands.central_pages import command

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    make_authority(tmp_path / "a", NOW, school="Example Primary", suffixes=("school.example.org",))
    return tmp_path / "a"


def forge(folder: Path, output: Path, name: str) -> tuple[Path, Path]:
    """Sign what the command would not: whoever has the key can."""
    certificate, key = page_authority._load(folder)
    alternative = page_authority._alternative(name)
    made, own_key = page_authority.sign_certificate(certificate, key, NOW, alternatives=[alternative], days=5)
    files = output / "forged.pem", output / "forged.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    page_authority._write_key(files[1], own_key)
    return files


def why_refused(folder: Path, files: tuple[Path, Path], name: str) -> str:
    """Connect as a client that trusts the authority does; return why it turns away, or ""."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(folder / AUTHORITY_FILE))
        client.wrap_socket(ours, server_hostname=name).close()
    except ssl.SSLCertVerificationError as problem:
        ours.close()
        return problem.verify_message
    finally:
        thread.join()
    return ""


@pytest.mark.parametrize(
    "name",
    ["room-4.rooms.school.example.org", "school.example.org", "room-4.local", "hallpass.home.arpa", "192.168.4.2",
     "fd00::4"],
)  # fmt: skip
def test_the_schools_names_and_addresses_are_believed(authority: Path, tmp_path: Path, name: str) -> None:
    files = issue_certificate(authority, NOW, names=(name,), output=tmp_path / "out")
    assert why_refused(authority, files, name) == ""


@pytest.mark.parametrize(
    "name", ["example.com", "www.example.com", "example.org", "notschool.example.org", "192.0.2.1", "2001:db8::1"]
)
def test_whoever_has_the_key_cannot_be_another_site(authority: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(NotPossible, match="no browser would take it"):
        issue_certificate(authority, NOW, names=("school.example.org", name), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "permitted subtree violation" in why_refused(authority, forge(authority, tmp_path, name), name)


def test_its_limits_are_critical_and_it_makes_no_other_authorities(authority: Path) -> None:
    made = x509.load_pem_x509_certificate((authority / AUTHORITY_FILE).read_bytes())
    constraints = made.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    basic = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)


def test_keys_are_their_owners_alone_and_an_authority_is_made_once(authority: Path, tmp_path: Path) -> None:
    _, key = issue_certificate(authority, NOW, names=("*.school.example.org",), output=tmp_path / "out")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (key, authority / KEY_FILE)} == {0o600}
    with pytest.raises(NotPossible, match="already"):
        make_authority(authority, NOW, school="Example Primary", suffixes=("school.example.org",))


@pytest.mark.parametrize(
    ("suffix", "network"),
    [("com", ""), ("co.uk", ""), ("", ""), ("a b.example.org", ""), ("school.example.org", "0.0.0.0/0"),
     ("school.example.org", "192.0.2.0/24"), ("school.example.org", "192.168.0.0/8"), ("school.example.org", "x")],
)  # fmt: skip
def test_an_authority_for_what_is_not_the_schools_is_not_made(tmp_path: Path, suffix: str, network: str) -> None:
    with pytest.raises(NotPossible):
        make_authority(tmp_path / "a", NOW, school="x", suffixes=(suffix,), networks=(network,) if network else ())
    assert not (tmp_path / "a").exists()


def test_the_commands_make_both_and_say_what_to_do_with_them(tmp_path: Path) -> None:
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\n')
    run = CliRunner()
    where = ["--config", str(config)]
    made = run.invoke(command, ["authority", "--suffix", "school.example.org", *where])
    assert made.exit_code == 0
    assert "give this one to the devices" in made.output
    issued = run.invoke(
        command, ["issue", "room-4.school.example.org", "--output", str(tmp_path / "out"), "--json", *where]
    )
    assert issued.exit_code == 0
    assert Path(json.loads(issued.output)["key"]).is_file()
    refused = run.invoke(command, ["issue", "example.com", *where])
    assert refused.exit_code == 1
    (tmp_path / "central" / "pages-authority" / KEY_FILE).write_text("damaged")
    assert run.invoke(command, ["issue", "room-4.school.example.org", *where]).exit_code == 1
