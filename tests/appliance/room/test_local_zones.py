"""A room's names and its encrypted listeners, composed from its settings."""

from pathlib import Path

import pytest

from appliance.errors import HallpassError
from appliance.room.local_zones import check_certificate_files, make_local_zones
from appliance.settings.dns import DnsForwardSection, DnsTlsSection, DomainName
from appliance.settings.room import DnsSection, RoomSection, RoomSettings
from appliance.settings.values import Endpoint, UpstreamSetting
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord
from dns.message import svcb
from dns.message.query import parse_query
from dns.message.response import Response
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query


def room(folder: Path, encryption: DnsTlsSection | None = None, **dns: object) -> RoomSettings:
    upstreams = (UpstreamSetting.parse("192.0.2.53"),)
    return RoomSettings(
        room=RoomSection(name="Room 4", data=folder),
        dns=DnsSection(upstreams=upstreams, tls=encryption, **dns),  # type: ignore[arg-type]  # a test may set any of them
    )


def ask(names: LocalZones, name: str, rtype: str = "A") -> Response | None:
    return names.answer_query(parse_query(query(name, rtype)))


def test_a_room_knows_its_own_name_and_the_schools_records(tmp_path: Path) -> None:
    record = LocalRecord(name="printer.school.example", type="A", value="192.0.2.77")
    names = make_local_zones(room(tmp_path, record=(record,)), lambda: ["192.0.2.4"])
    own = ask(names, "hallpass.home.arpa")
    printer = ask(names, "printer.school.example")
    assert own is not None
    assert own.records.endswith(bytes([192, 0, 2, 4]))
    assert printer is not None
    assert printer.records.endswith(bytes([192, 0, 2, 77]))


def test_a_domain_with_servers_of_its_own_is_theirs(tmp_path: Path) -> None:
    forward = DnsForwardSection(
        domain=DomainName.parse("192.168.0.0/16"), upstreams=(UpstreamSetting.parse("192.0.2.10"),)
    )
    names = make_local_zones(room(tmp_path, forward=(forward,)), tuple)
    assert ask(names, "1.4.168.192.in-addr.arpa", "PTR") is None
    assert ask(names, "1.0.0.10.in-addr.arpa", "PTR") is not None


def test_a_room_with_a_certificate_says_how_it_is_reached_encrypted(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign("192.0.2.4", "room4.school.example")
    encryption = DnsTlsSection(
        certificate=certificate,
        key=key,
        listen=(Endpoint("127.0.0.1", 8853),),
        https=(Endpoint("127.0.0.1", 8443),),
    )
    settings = room(tmp_path, encryption)
    assert check_certificate_files(settings.dns.tls) == (certificate, key)
    names = make_local_zones(settings, lambda: ["192.0.2.4"])
    answer = ask(names, "_dns.resolver.arpa", "SVCB")
    assert answer is not None
    assert answer.counts[:2] == b"\0\2"
    assert (
        svcb.parse_service_binding(answer.records[12 : 12 + answer.records[11]]).target == "room4.school.example"
    )
    assert ask(names, "room4.school.example") is not None


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign("192.0.2.4")
    missing = tmp_path / "missing.pem"
    for encryption, words in (
        (DnsTlsSection(certificate=missing, key=key), "missing.pem"),
        (DnsTlsSection(certificate=key, key=certificate), "server.key"),
    ):
        with pytest.raises(HallpassError, match=words) as caught:
            check_certificate_files(encryption)
        assert "\n" not in str(caught.value)
    with pytest.raises(HallpassError, match="bears no name"):
        make_local_zones(room(tmp_path, DnsTlsSection(certificate=certificate, key=key)), tuple)
    assert check_certificate_files(None) is None
