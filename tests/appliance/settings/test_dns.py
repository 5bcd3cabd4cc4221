"""The rarer parts of [dns], as a technician writes them, and what is said of mistakes in them."""

from pathlib import Path

import pytest

from appliance.settings.dns import with_switches
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


def test_a_server_may_be_asked_in_another_way_than_the_others(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [[dns.forward]]
        domain = "school.example"
        upstreams = ["192.0.2.10"]

        [[dns.upstream]]
        server = "192.0.2.10"
        mixed_case = "off"

        [[dns.upstream]]
        server = "192.0.2.53:53"
        edns = "off"
        """,
    )
    (general,) = with_switches(settings.dns.upstreams, settings.dns.upstream)
    (own,) = with_switches(settings.dns.forward[0].upstreams, settings.dns.upstream)
    assert (general.mixed_case, general.edns) == ("auto", "off")
    assert (own.mixed_case, own.edns) == ("off", "auto")


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ('server = "192.0.2.99"', "192.0.2.99:53 is none of the servers that are asked"),
        ('server = "tls://192.0.2.53#dns.example.org"', "only plain servers have switches"),
        ('server = "192.0.2.53"\nedns = "sometimes"', "edns"),
        ('server = "192.0.2.53"\ncookies = "on"', "cookies: is not a setting"),
    ],
)
def test_switches_that_would_do_nothing_are_mistakes(tmp_path: Path, switches: str, words: str) -> None:
    (problem,) = problems(tmp_path, f"[[dns.upstream]]\n{switches}\n")
    assert words in problem


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("[fe80::53]:53", "name the interface"),
        ("fe80::53", "name the interface"),
        ("tls://[fe80::53]#dns.example.org", "name the interface"),
        ("[2001:db8::53%eth0]:53", "only an address of one link has an interface"),
        ("https://[fe80::53]/dns-query", "not over HTTPS"),
    ],
)
def test_an_address_of_one_link_needs_its_interface(tmp_path: Path, server: str, words: str) -> None:
    (problem,) = problems(tmp_path, "", ROOM.replace("192.0.2.53", server))
    assert words in problem


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("[fe80::53]:53", "name the interface"),
        ("[2001:db8::53%eth0]:53", "only an address of one link has an interface"),
        ("[fe80::53%two words]:53", "is no name of an interface"),
    ],
)
def test_so_does_one_at_which_the_room_listens(tmp_path: Path, listen: str, words: str) -> None:
    (problem,) = problems(tmp_path, f'listen = ["{listen}"]\n')
    assert words in problem
    settings = read(tmp_path, 'listen = ["[fe80::53%eth0]:53"]\n')
    assert [endpoint.host for endpoint in settings.dns.listen] == ["fe80::53%eth0"]


def test_an_address_of_one_link_is_a_server_where_its_interface_is_named(tmp_path: Path) -> None:
    settings = read(tmp_path, "", ROOM.replace('"192.0.2.53"', '"[fe80::53%eth0]:53", "tls://[fe80::53%eth0]"'))
    plain, encrypted = settings.dns.upstreams
    assert (plain.host, plain.port) == ("fe80::53%eth0", 53)
    assert encrypted.server_name == "fe80::53"
