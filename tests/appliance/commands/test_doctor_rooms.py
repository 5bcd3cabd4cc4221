"""`hallpass doctor` on many rooms: named one by one, in a table, or all that central has."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.doctor.rooms import read_host
from tests.fakes.living_room import LivingRoom
from tests.fakes.page_pairs import SUFFIX, PagePairs
from tests.fakes.ports import free_port
from tests.fakes.programs import run


@pytest.mark.parametrize(
    "host", ["", "a..b", f"{'x' * 64}.example", "192.0.2.4\n", "192.0.2.0/24", "room 4", "-v.example", "\udcff"]
)
def test_what_can_be_no_host_is_wrong_use_and_nothing_to_look_at(host: str) -> None:
    done = run("doctor", "--", host)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is no address and no host name" in done.stderr
    with pytest.raises(ValueError, match="is no address and no host name"):
        read_host(host)


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_what_can_be_no_port_is_wrong_use(port: str) -> None:
    assert run("doctor", "192.0.2.4", "--port", port).returncode == 2


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("[2001:db8::4]", "2001:db8::4"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("room-4.local.", "room-4.local"),
        ("büro.example", "xn--bro-hoa.example"),
    ],
)
def test_a_host_may_be_written_as_people_write_it(typed: str, host: str) -> None:
    assert read_host(typed) == host


class TestManyRooms:
    def test_a_table_of_rooms_is_looked_through_and_summed_up(self, room: LivingRoom, tmp_path: Path) -> None:
        table = tmp_path / "rooms.csv"
        table.write_text(
            "room,address,port,web-port,tls-port,https-port\n"
            f"Room 4,127.0.0.1/24,{room.dns},{room.web},{free_port()},{free_port()}\n"
            f"Room 5,127.0.0.2,{free_port()},{free_port()},{free_port()},{free_port()}\n"
        )
        done = run("doctor", "--from-csv", str(table))
        assert done.returncode == 1
        assert "2 rooms: 1 well, 1 with something wrong" in done.stdout
        assert any(re.match(r"Room 4 +127.0.0.1 +well", line) for line in done.stdout.splitlines())
        assert "Room 5 (127.0.0.2)\nproblem" in done.stdout
        said = json.loads(run("doctor", "--from-csv", str(table), "--json").stdout)
        assert [(one["room"], one["host"], one["state"]) for one in said] == [
            ("Room 4", "127.0.0.1", "ok"),
            ("Room 5", "127.0.0.2", "problem"),
        ]
        table.write_text("\n".join(table.read_text().splitlines()[:2]))
        well = run("doctor", "--from-csv", str(table))
        assert (well.returncode, "1 rooms: 1 well" in well.stdout) == (0, True)

    def test_several_addresses_are_looked_at_at_once(self, room: LivingRoom) -> None:
        ports = ("--port", str(room.dns), "--web-port", str(room.web))
        done = run("doctor", "127.0.0.1", "127.0.0.3", *ports, "--json")
        assert [one["state"] for one in json.loads(done.stdout)] == ["ok", "problem"]
        assert done.returncode == 1

    def test_central_knows_its_rooms_and_what_they_said(self, tmp_path: Path) -> None:
        config = tmp_path / "central.toml"
        config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\n')
        assert run("central", "enrol", "Room 4", "--config", str(config)).returncode == 0
        done = run("doctor", "--all", "--config", str(config), "--domain", "invalid", "--json")
        assert done.returncode == 1
        [found] = json.loads(done.stdout)
        assert (found["room"], found["host"]) == ("Room 4", "room-4.invalid")
        assert "has never heard of this room" in [
            one["words"] for one in found["findings"] if one["what"] == "central"
        ]

    def test_a_revoked_card_with_a_key_of_a_certificate_for_pages_is_named(self, tmp_path: Path) -> None:
        config = tmp_path / "central.toml"
        config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\n')
        assert run("central", "enrol", "Room 4", "--config", str(config)).returncode == 0
        pairs = PagePairs(datetime.now(UTC))
        for name, content in zip(("a.pem", "a.key"), pairs.pair(f"*.{SUFFIX}"), strict=True):
            (tmp_path / name).write_text(content)
        hand_in = ("central", "pages", "hand-in", str(tmp_path / "a.pem"), str(tmp_path / "a.key"))
        assert run(*hand_in, "--config", str(config)).returncode == 0
        with closing(sqlite3.connect(tmp_path / "central/central.db")) as database, database:
            database.execute("UPDATE rooms SET key_confirmed_at = '2026-11-27 08:00:00.000000'")
        assert run("central", "room", "revoke", "Room 4", "--config", str(config)).returncode == 0
        done = run("doctor", "--all", "--config", str(config))
        assert done.returncode == 1
        assert f"the card of Room 4 (revoked) still has the key of the certificate for *.{SUFFIX}" in done.stdout
        [found] = json.loads(run("doctor", "--all", "--config", str(config), "--json").stdout)
        assert (found["room"], found["findings"][0]["what"]) == ("central", "certificate")
        assert "still has the key" in run("central", "pages", "list", "--config", str(config)).stderr

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("room,address\nRoom 4,\n", "rooms.csv line 2: there is no address"),
            ("room,address\nRoom 4,a..b\n", "rooms.csv line 2: 'a..b' is no address and no host name"),
            ("room,address,port\nRoom 4,192.0.2.4,many\n", "rooms.csv line 2: 'many' is no port"),
            ("room,address\n", "names no room"),
        ],
    )
    def test_a_mistake_in_the_table_is_said_with_its_line(self, tmp_path: Path, text: str, words: str) -> None:
        table = tmp_path / "rooms.csv"
        table.write_text(text)
        done = run("doctor", "--from-csv", str(table))
        assert done.returncode == 1
        assert words in done.stderr
