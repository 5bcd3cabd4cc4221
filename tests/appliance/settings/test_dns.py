"""The rarer parts of [dns], as a technician writes them, and what is said of mistakes in them."""

from pathlib import Path

import pytest

from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings

ROOM = """
[room]
name = "Room 4"
data = "data"

[dns]
upstreams = ["192.0.2.53"]
"""


def read(folder: Path, more: str, room: str = ROOM) -> RoomSettings:
    path = folder / "room.toml"
    path.write_text(room + more)
    return load_settings(path, RoomSettings)


def problems(folder: Path, more: str, room: str = ROOM) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        read(folder, more, room)
    return caught.value.problems


def test_a_room_may_have_domains_with_servers_of_their_own_and_records_of_its_own(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [[dns.forward]]
        domain = "School.Example."
        upstreams = ["192.0.2.10", "tls://192.0.2.11#dns.school.example"]

        [[dns.forward]]
        domain = "192.168.4.0/24"
        upstreams = ["192.0.2.10"]

        [[dns.record]]
        name = "printer.school.example"
        type = "A"
        value = "192.0.2.77"

        [dns.cache]
        megabytes = 8
        """,
    )
    assert [str(forward.domain) for forward in settings.dns.forward] == [
        "school.example",
        "4.168.192.in-addr.arpa",
    ]
    assert settings.dns.forward[0].upstreams[1].server_name == "dns.school.example"
    assert settings.dns.record[0].ttl == 300
    assert settings.dns.cache.megabytes == 8
    assert settings.dns.cache.maximum_ttl == 86400


def test_encryption_has_a_certificate_beside_the_settings_and_the_usual_ports(tmp_path: Path) -> None:
    settings = read(tmp_path, '[dns.tls]\ncertificate = "room.pem"\nkey = "room.key"\n')
    assert settings.dns.tls is not None
    assert settings.dns.tls.certificate == tmp_path / "room.pem"
    assert [endpoint.port for endpoint in (*settings.dns.tls.listen, *settings.dns.tls.https)] == [
        853,
        853,
        443,
        443,
    ]


def test_every_mistake_is_said_with_its_key(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        [[dns.forward]]
        domain = "not a name"
        upstreams = ["192.0.2.10"]

        [[dns.forward]]
        domain = "192.168.4.0/23"
        upstreams = ["192.0.2.10"]

        [[dns.record]]
        name = "printer.school.example"
        type = "A"
        value = "printer"

        [[dns.record]]
        name = "printer.school.example"
        type = "MX"
        value = "192.0.2.1"

        [dns.cache]
        megabytes = 0
        """,
    )
    assert [problem.partition(": ")[0] for problem in found] == [
        "dns.forward[0].domain",
        "dns.forward[1].domain",
        "dns.record[0]",
        "dns.record[1]",
        "dns.cache.megabytes",
    ]
    assert "value: 'printer' is no A record" in found[2]


def test_an_alias_stands_alone(tmp_path: Path) -> None:
    record = '[[dns.record]]\nname = "a.school.example"\ntype = "{}"\nvalue = "{}"\n'
    (problem,) = problems(tmp_path, record.format("A", "192.0.2.1") + record.format("CNAME", "b.school.example"))
    assert "a.school.example: an alias (CNAME) stands alone" in problem


def test_a_server_by_name_needs_somebody_who_can_find_it(tmp_path: Path) -> None:
    room = ROOM.replace('"192.0.2.53"', '"https://dns.example.org/dns-query"')
    (problem,) = problems(tmp_path, "", room)
    assert "write https://ADDRESS/dns-query#dns.example.org" in problem
    read(tmp_path, "", ROOM.replace('"192.0.2.53"', '"https://192.0.2.1/dns-query#dns.example.org"'))
    read(tmp_path, "", ROOM.replace('"192.0.2.53"', '"https://dns.example.org/dns-query", "192.0.2.53"'))
