"""A network that contradicts itself, the enrolment, or another row is found before a card is written."""

from pathlib import Path

import pytest

from appliance.card.enrolment_file import EnrolmentFile, encode_enrolment
from appliance.card.personalisation import PersonalisationError, PersonalisationRequest, prepare_cards
from tests.fakes.card import TOKEN

SHIPPED = (Path(__file__).parents[3] / "image-build/boot/hallpass.toml").read_bytes()
ADDRESS = {"network.address": "192.0.2.14/24", "network.gateway": "192.0.2.1"}


def request(
    room: str = "Room 4", values: dict[str, str] | None = None, enrolment: Path | None = None
) -> PersonalisationRequest:
    return PersonalisationRequest(where="", room=room, enrolment=enrolment, values=ADDRESS | (values or {}))


def problems(*requests: PersonalisationRequest) -> tuple[str, ...]:
    with pytest.raises(PersonalisationError) as refused:
        prepare_cards(requests, SHIPPED)
    return refused.value.problems


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network.address": "192.0.2.14/0"}, "192.0.2.14/0 takes the internet for its own network"),
        ({"network.address": "240.0.0.14/24", "network.gateway": "240.0.0.1"}, "is no address that a machine"),
        ({"network.address": "0.0.2.14/24", "network.gateway": "0.0.2.1"}, "is no address that a machine"),
        ({"network.address6": "::ffff:192.0.2.14/120"}, "is no address that a machine"),
        ({"network.address6": "2001:db8::14/0"}, "takes the internet for its own network"),
        ({"network.ipv6": "off", "dns.upstreams": "2001:db8::53"}, "dns.upstreams: 2001:db8::53 is one of IPv6"),
        ({"network.ipv6": "off", "time.servers": "2001:db8::123"}, "time.servers: 2001:db8::123 is one of IPv6"),
        (
            {"network.ipv6": "off", "dns.upstreams": "tls://[2001:db8::53]#dns.example.org"},
            "dns.upstreams: 2001:db8::53 is one of IPv6",
        ),
        ({"dns.clients": "192.0.2.14/32"}, "dns.clients: leaves out 192.0.2.0/24"),
        ({"dns.upstreams": "192.0.2.255"}, "dns.upstreams: 192.0.2.255 reaches everybody in 192.0.2.0/24"),
        ({"time.servers": "192.0.2.0"}, "time.servers: 192.0.2.0 stands for the network 192.0.2.0/24"),
        ({"dns.upstreams": "224.0.0.251"}, "dns.upstreams: 224.0.0.251 is no address that a machine"),
        ({"time.servers": "255.255.255.255"}, "time.servers: 255.255.255.255 is no address that a machine"),
    ],
)
def test_a_network_that_contradicts_itself(values: dict[str, str], words: str) -> None:
    found = problems(request(values=values))
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    "values",
    [
        {"network.address": "192.0.2.14/31", "network.gateway": "192.0.2.15"},
        {"network.address6": "2001:db8::14/64", "network.gateway6": "fe80::1"},
        {"network.ipv6": "off", "dns.upstreams": "192.0.2.53, tls://9.9.9.9#dns.quad9.net"},
        {"dns.clients": "192.0.2.0/25, 198.51.100.0/24"},
        {"dns.upstreams": "192.0.2.1", "time.servers": "192.0.2.1"},
        {"dns.upstreams": "https://9.9.9.9/dns-query#dns.quad9.net"},
    ],
)
def test_a_network_that_is_only_unusual(values: dict[str, str]) -> None:
    assert len(prepare_cards([request(values=values)], SHIPPED)) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://room-4.local", "room-4.local is this room itself"),
        ("https://[2001:db8::82]", "2001:db8::82 is one of IPv6, which is off"),
        ("https://192.0.2.255", "192.0.2.255 reaches everybody"),
    ],
)
def test_a_network_that_contradicts_the_bundle(tmp_path: Path, url: str, words: str) -> None:
    bundle = tmp_path / "room4.bundle"
    bundle.write_bytes(encode_enrolment(EnrolmentFile(room="Room 4", url=url, token=TOKEN)))
    found = problems(request(values={"network.ipv6": "off"}, enrolment=bundle))
    assert len(found) == 1
    assert words in found[0]
    assert "by the enrolment" in found[0]


@pytest.mark.parametrize("url", ["https://localhost:8082", "https://127.0.0.1:8082", "https://[::1]:8082"])
def test_a_central_that_is_the_card_itself_is_refused_by_one_rule(tmp_path: Path, url: str) -> None:
    bundle = tmp_path / "room4.bundle"
    bundle.write_bytes(encode_enrolment(EnrolmentFile(room="Room 4", url=url, token=TOKEN)))
    [found] = problems(request(enrolment=bundle))
    assert "on a card is the card itself" in found
    with pytest.raises(PersonalisationError, match="on a card is the card itself"):
        prepare_cards([request()], SHIPPED, bundle.read_bytes())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network.address": "192.0.2.15/25"}, "the network 192.0.2.0/25 lies in 192.0.2.0/24, that of Room 4"),
        ({"network.address": "192.0.2.15/23"}, "the network 192.0.2.0/23 holds 192.0.2.0/24, that of Room 4"),
        (
            {"network.address": "192.0.2.15/24", "dns.upstreams": "192.0.2.14"},
            "asks 192.0.2.14, which is Room 4",
        ),
        ({"network.address": "192.0.2.15/24", "time.servers": "192.0.2.14"}, "asks 192.0.2.14, which is Room 4"),
    ],
)
def test_a_network_that_contradicts_another_row(values: dict[str, str], words: str) -> None:
    [found] = problems(request(), request("Room 5", values))
    assert words in found


def test_a_row_that_asks_a_later_rows_room_is_found_too() -> None:
    [found] = problems(
        request(values={"dns.upstreams": "192.0.2.15"}), request("Room 5", {"network.address": "192.0.2.15/24"})
    )
    assert "asks 192.0.2.15, which is Room 5" in found


def test_central_on_a_rooms_own_address_is_found_in_every_row(tmp_path: Path) -> None:
    bundle = tmp_path / "room4.bundle"
    enrolment = EnrolmentFile(room="Room 4", url="https://192.0.2.15", token=TOKEN)
    bundle.write_bytes(encode_enrolment(enrolment))
    later = request("Room 5", {"network.address": "192.0.2.15/24"})
    for rows in ((request(enrolment=bundle), later), (later, request(enrolment=bundle))):
        [found] = problems(*rows)
        assert "asks 192.0.2.15, which is Room 5" in found


def test_central_is_known_again_however_its_address_is_written(tmp_path: Path) -> None:
    own = {"network.address6": "2001:db8::14/64"}
    bundle = tmp_path / "room4.bundle"
    enrolment = EnrolmentFile(room="Room 4", url="https://[2001:DB8:0:0::14]:8082", token=TOKEN)
    bundle.write_bytes(encode_enrolment(enrolment))
    [found] = problems(request(values=own, enrolment=bundle))
    assert "2001:db8::14 is central's address, by the enrolment" in found
    later = request("Room 5", {"network.address": "192.0.2.15/24", **own})
    for rows in ((request(enrolment=bundle), later), (later, request(enrolment=bundle))):
        [found] = problems(*rows)
        assert "asks 2001:db8::14, which is Room 5" in found


@pytest.mark.parametrize("host", ["room-5.local", "ROOM-5.local."])
def test_a_central_by_the_name_of_another_row_is_found(tmp_path: Path, host: str) -> None:
    bundle = tmp_path / "room4.bundle"
    bundle.write_bytes(encode_enrolment(EnrolmentFile(room="Room 4", url=f"https://{host}", token=TOKEN)))
    later = request("Room 5", {"network.address": "192.0.2.15/24"})
    [found] = problems(request(enrolment=bundle), later)
    assert "asks room-5.local, which is Room 5" in found
