"""What follows from a card's settings: names, networks, ports."""

import configparser
from pathlib import Path

import pytest

from appliance.card import system_files
from appliance.card.settings import CardSettings
from appliance.settings.load import SettingsInvalid, load_settings


@pytest.mark.parametrize(
    ("room", "host"),
    [
        ("Room 4", "room-4"),
        ("  Year 6 / Blue  ", "year-6-blue"),
        ("Ystafell Ŵyn", "ystafell-wyn"),
        ("Straße 7", "strasse-7"),
        ("教室", "hallpass"),
        ("", "hallpass"),
        ("x" * 62 + " 4", "x" * 62),
    ],
)
def test_a_room_name_becomes_a_host_name(room: str, host: str) -> None:
    assert system_files.host_name(room) == host


def read(tmp_path: Path, text: str) -> CardSettings:
    path = tmp_path / "hallpass.toml"
    path.write_text(text)
    return load_settings(path, CardSettings)


def network(settings: CardSettings) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read_string(system_files.network_file(settings.network).decode())
    return dict(parser["Network"])


def test_a_network_that_says_nothing_else_gives_the_address(tmp_path: Path) -> None:
    said = network(read(tmp_path, ""))
    assert (said["DHCP"], said["IPv6AcceptRA"], said["MulticastDNS"]) == ("yes", "yes", "yes")
    assert "Address" not in said


def test_a_fixed_address_needs_no_dhcp(tmp_path: Path) -> None:
    said = network(read(tmp_path, '[network]\naddress = "192.0.2.14/24"\ngateway = "192.0.2.1"\nipv6 = "off"\n'))
    assert (said["DHCP"], said["Address"], said["Gateway"]) == ("no", "192.0.2.14/24", "192.0.2.1")
    assert (said["IPv6AcceptRA"], said["LinkLocalAddressing"]) == ("no", "no")


def test_a_fixed_address_of_ipv6_leaves_ipv4_to_the_network(tmp_path: Path) -> None:
    said = network(read(tmp_path, '[network]\naddress6 = "2001:db8::14/64"\ngateway6 = "fe80::1"\n'))
    assert (said["DHCP"], said["Address"], said["Gateway"]) == ("ipv4", "2001:db8::14/64", "fe80::1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('address = "192.0.2.14/24"', "gateway: is missing"),
        ('address = "192.0.2.14/24"\ngateway = "198.51.100.1"', "does not lie in the network"),
        ('gateway = "192.0.2.1"', "stands alone"),
        ('address = "2001:db8::1/64"\ngateway = "2001:db8::2"', "is not an address of IPv4"),
        ('address6 = "2001:db8::1/64"\nipv6 = "off"', "IPv6 is off"),
        ('address = "192.0.2.14/24"\ngateway = "192.0.2.14"', "is the room's own address"),
        ('address = "192.0.2.0/24"\ngateway = "192.0.2.1"', "stands for the network 192.0.2.0/24 itself"),
        ('address = "192.0.2.255/24"\ngateway = "192.0.2.1"', "reaches everybody in 192.0.2.0/24 at once"),
        ('address = "192.0.2.14/24"\ngateway = "192.0.2.0"', "stands for the network"),
        ('address = "192.0.2.14/24"\ngateway = "192.0.2.255"', "broadcast"),
        ('address = "127.0.0.1/8"\ngateway = "127.0.0.2"', "no address that a machine on a network can have"),
        ('address = "224.0.0.9/24"\ngateway = "224.0.0.1"', "no address that a machine on a network can have"),
        ('address = "0.0.0.0/0"\ngateway = "192.0.2.1"', "no address that a machine on a network can have"),
        ('address = "169.254.1.1/16"\ngateway = "169.254.0.1"', "is link-local"),
        ('address = "192.0.2.14/32"\ngateway = "192.0.2.1"', "does not lie in the network"),
        ('address6 = "2001:db8::/64"\ngateway6 = "fe80::1"', "stands for the network 2001:db8::/64 itself"),
        ('address6 = "2001:db8::14/64"\ngateway6 = "2001:db8:0::14"', "is the room's own address"),
        (
            'address = "192.0.2.14/24"\ngateway = "192.0.2.1"\n[dns]\nupstreams = ["192.0.2.53", "192.0.2.14"]',
            "dns.upstreams: 192.0.2.14 is this room itself",
        ),
        ('ipv6 = "off"\n[dns]\nupstreams = ["127.0.0.1"]', "127.0.0.1 is this room itself"),
        (
            'ipv6 = "off"\n[[dns.forward]]\ndomain = "school.example"\nupstreams = ["127.0.0.1"]',
            "dns.forward.upstreams: 127.0.0.1 is this room itself",
        ),
        (
            'address = "192.0.2.14/24"\ngateway = "192.0.2.1"\n[time]\nservers = ["192.0.2.14"]',
            "time.servers: 192.0.2.14 is this room itself",
        ),
        (
            'address = "192.0.2.14/24"\ngateway = "192.0.2.1"\n[dns]\nclients = ["198.51.100.0/24"]',
            "dns.clients: leaves out 192.0.2.0/24",
        ),
        ('address = "room4"', "does not say how large the network is"),
    ],
)
def test_an_address_that_could_not_work_is_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        read(tmp_path, f"[network]\n{text}\n")


def test_every_contradiction_of_a_network_is_said_at_once(tmp_path: Path) -> None:
    text = 'address = "192.0.2.255/24"\ngateway = "198.51.100.1"\naddress6 = "::1/128"\ngateway6 = "192.0.2.1"\n'
    with pytest.raises(SettingsInvalid) as invalid:
        read(tmp_path, f"[network]\n{text}")
    for words in (
        "broadcast",
        "198.51.100.1 does not lie in",
        "address6: ::1/128 is no address",
        "gateway6: 192.0.2.1",
    ):
        assert words in str(invalid.value)


def test_a_network_of_two_has_two_addresses(tmp_path: Path) -> None:
    said = network(read(tmp_path, '[network]\naddress = "192.0.2.0/31"\ngateway = "192.0.2.1"\n'))
    assert said["Address"] == "192.0.2.0/31"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key; it belongs on no card"),
        ("ssh-ed25519", "not one line of a public key file"),
        ('ssh-ed25519 AAAA\\ncommand=\\"evil\\" x', "not one line of a public key file"),
    ],
)
def test_only_a_public_key_lets_anybody_in(tmp_path: Path, key: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        read(tmp_path, f'[ssh]\nkeys = ["{key}"]\n')


def test_the_time_is_asked_of_addresses(tmp_path: Path) -> None:
    settings = read(tmp_path, '[time]\nservers = ["192.0.2.123", "2001:db8::123"]\n')
    assert system_files.time_file(settings.time) == b"[Time]\nNTP=192.0.2.123 2001:db8::123\n"
    with pytest.raises(SettingsInvalid, match="not an IP address"):
        read(tmp_path, '[time]\nservers = ["pool.ntp.org"]\n')
