"""Rooms are enrolled, renamed, retired and revoked by command."""

import json
from pathlib import Path

import msgspec

from appliance.card import enrolment_file
from tests.fakes.authority import Authority
from tests.fakes.programs import run


def test_a_room_is_enrolled_into_a_file_that_only_its_owner_reads(config: Path, tmp_path: Path) -> None:
    token = tmp_path / "room4.token"
    done = run("central", "enrol", "Room 4", "--config", str(config), "--output", str(token))
    assert (done.returncode, done.stdout) == (0, "")
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text().strip()) > 40
    again = run("central", "enrol", "Room 4", "--config", str(config), "--output", str(token))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def with_address(config: Path, more: str = "") -> Path:
    config.write_text(f'{config.read_text()}url = "https://central.example.org"\n{more}')
    return config


def test_a_room_is_enrolled_into_the_file_that_its_card_takes(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "room4.bundle"
    done = run("central", "enrol", "Room 4", "--config", str(with_address(config)), "--bundle", str(path))
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    made = enrolment_file.decode_enrolment(path.read_bytes())
    assert (made.room, made.url, made.certificate) == ("Room 4", "https://central.example.org", "")
    assert len(made.token) > 40
    assert "for the card of Room 4" in done.stdout
    assert made.token not in done.stdout
    listed = ("central", "room", "list", "--config", str(config))
    assert run(*listed).stdout == "Room 4: enrolled, waits for its card\n"
    [said] = json.loads(run(*listed, "--json").stdout)
    assert (said["waits_for_card"], said["in_step"]) == (True, False)


def test_the_bundle_brings_an_authority_that_no_machine_knows_by_itself(config: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("central.example.org")
    tls = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    plain = tmp_path / "plain.bundle"
    ours = tmp_path / "ours.bundle"
    where = ("--config", str(with_address(config, tls)))
    assert run("central", "enrol", "Room 4", *where, "--bundle", str(plain)).returncode == 0
    assert enrolment_file.decode_enrolment(plain.read_bytes()).certificate == ""
    config.write_text(f'{config.read_text()}authority = "{authority.file}"\n')
    assert run("central", "enrol", "Room 4", "--replace", *where, "--bundle", str(ours)).returncode == 0
    assert enrolment_file.decode_enrolment(ours.read_bytes()).certificate == authority.file.read_text()


def test_without_centrals_address_no_token_ends_for_nothing(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "room4.bundle"
    done = run("central", "enrol", "Room 4", "--config", str(config), "--bundle", str(path))
    assert done.returncode == 1
    assert "Set url in [central]" in done.stderr
    assert not path.exists()
    assert not (tmp_path / "central").exists()
    both = run("central", "enrol", "x", "--config", str(config), "--bundle", "a", "--output", "b")
    assert both.returncode == 2


def test_a_name_in_use_is_asked_about_and_its_card_stops_only_where_that_was_said(
    config: Path, tmp_path: Path
) -> None:
    where, bundle = ("--config", str(with_address(config))), tmp_path / "room4.bundle"
    assert run("central", "enrol", "Room 4", *where).returncode == 0
    again = run("central", "enrol", "ROOM 4", *where, "--bundle", str(bundle))
    assert (again.returncode, again.stdout) == (1, "")
    assert "Room 4 is enrolled already" in again.stderr
    assert "--replace" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert not bundle.exists()
    assert run("central", "enrol", "ROOM 4", "--replace", *where, "--bundle", str(bundle)).returncode == 0
    assert enrolment_file.decode_enrolment(bundle.read_bytes()).room == "ROOM 4"


def test_every_room_of_a_table_is_enrolled_or_none(config: Path, tmp_path: Path) -> None:
    where, table, folder = ("--config", str(with_address(config))), tmp_path / "rooms.csv", tmp_path / "bundles"
    table.write_text("room,bundle,address\nRoom 4,,192.0.2.4/24\nLibrary,lib.bundle,192.0.2.5/24\n")
    into = ("--csv", str(table), "--folder", str(folder))
    done = run("central", "enrol", *into, *where)
    assert done.returncode == 0, done.stderr
    made = [folder / "room-4.bundle", tmp_path / "lib.bundle"]
    assert [enrolment_file.decode_enrolment(one.read_bytes()).room for one in made] == ["Room 4", "Library"]
    table.write_text("room\nRoom 5\nlibrary\n")
    again = run("central", "enrol", *into, *where)
    assert (again.returncode, "Library is enrolled already" in again.stderr) == (1, True)
    assert not (folder / "room-5.bundle").exists()
    table.write_text("room\nRoom 5\nROOM  5\n" + "x" * 101 + "\n")
    twice = run("central", "enrol", *into, *where)
    assert twice.returncode == 1
    assert len(twice.stderr.splitlines()) == 2, "every mistake at once"
    listed = run("central", "room", "list", "--json", *where)
    assert [one["name"] for one in msgspec.json.decode(listed.stdout)] == ["Library", "Room 4"]
    for wrong in ((), ("Room 9", *into), (*into, "--output", "x")):
        assert run("central", "enrol", *wrong, *where).returncode == 2


def test_a_room_is_renamed_retired_put_back_and_revoked_by_command(config: Path) -> None:
    where = ("--config", str(config))
    run("central", "enrol", "Room 4", *where)
    for step in (
        ("rename", "room 4", "Library"),
        ("retire", "LIBRARY"),
        ("put-back", "Library"),
        ("revoke", "Library"),
    ):
        assert run("central", "room", *step, *where).returncode == 0, step
    refused = run("central", "room", "put-back", "Library", *where)
    assert (refused.returncode, "never works again" in refused.stderr) == (1, True)
    assert run("central", "room", "retire", "Room 4", *where).stderr == "hallpass: there is no room 'Room 4'\n"
    assert "Library: revoked, never seen" in run("central", "room", "list", *where).stdout


def test_a_bundle_says_the_rooms_own_port_where_there_is_one(config: Path, tmp_path: Path) -> None:
    where = ("--config", str(with_address(config, 'rooms_url = "https://central.example.org:8082"\n')))
    path = tmp_path / "room4.bundle"
    assert run("central", "enrol", "Room 4", *where, "--bundle", str(path)).returncode == 0
    assert enrolment_file.decode_enrolment(path.read_bytes()).url == "https://central.example.org:8082"
