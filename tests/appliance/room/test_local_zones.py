"""A room's names and its encrypted listeners, composed from its settings."""

import time
from pathlib import Path

from appliance.room.local_zones import make_local_zones
from appliance.settings.dns import DnsForwardSection, DnsSection, DnsTlsSection, DomainName
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import Endpoint, UpstreamSetting
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord
from dns.message import svcb
from dns.message.query import parse_query
from dns.message.response import Response
from dns.server.tls import Certificate
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query


def room(folder: Path, encryption: DnsTlsSection | None = None, **dns: object) -> RoomSettings:
    upstreams = (UpstreamSetting.parse("192.0.2.53"),)
    return RoomSettings(
        room=RoomSection(name="Room 4", data=folder),
        dns=DnsSection(upstreams=upstreams, tls=encryption, **dns),  # type: ignore[arg-type]  # a test may set any of them
    )


def loaded(encryption: DnsTlsSection) -> Certificate:
    return Certificate(encryption.certificate, encryption.key, ["dot", "h2"], time.monotonic)


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
    zones = make_local_zones(room(tmp_path, encryption), lambda: ["192.0.2.4"], loaded(encryption))
    answer = ask(zones, "_dns.resolver.arpa", "SVCB")
    assert answer is not None
    assert answer.counts[:2] == b"\0\2"
    assert (
        svcb.parse_service_binding(answer.records[12 : 12 + answer.records[11]]).target == "room4.school.example"
    )
    assert ask(zones, "room4.school.example") is not None


def test_devices_are_told_of_encryption_only_while_there_is_a_certificate(tmp_path: Path) -> None:
    encryption = DnsTlsSection(certificate=tmp_path / "server.pem", key=tmp_path / "server.key")
    certificate = loaded(encryption)
    zones = make_local_zones(room(tmp_path, encryption), lambda: ["192.0.2.4"], certificate)
    before = ask(zones, "_dns.resolver.arpa", "SVCB")
    assert before is not None
    assert (before.counts[:2], before.is_cacheable) == (b"\0\0", False)
    Authority(tmp_path).sign("room4.school.example")
    certificate.reload_if_due(now=True)
    for owner in ("_dns.resolver.arpa", "_dns.room4.school.example"):
        answer = ask(zones, owner, "SVCB")
        assert answer is not None
        assert answer.counts == b"\0\2\0\0\0\1"  # and the address
    Authority(tmp_path).sign("other.school.example")
    certificate.reload_if_due(now=True)
    assert ask(zones, "other.school.example") is not None
    assert ask(zones, "room4.school.example") is None


def test_a_certificate_without_a_name_is_served_and_said_in_one_line(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign("192.0.2.4")
    encryption = DnsTlsSection(certificate=certificate, key=key)
    found = loaded(encryption)
    zones = make_local_zones(room(tmp_path, encryption), tuple, found)
    answer = ask(zones, "_dns.resolver.arpa", "SVCB")
    assert answer is not None
    assert answer.counts[:2] == b"\0\0"
    assert found.is_loaded
    assert "bears no name" in found.describe_problem()


def test_names_that_are_replaced_are_answered_from_then_on_and_those_before_no_more() -> None:
    names = LocalZones(own_names=["old.example"], own_addresses=lambda: ["192.0.2.4"])
    names.replace_own_names(["room-4.rooms.school.example"])
    assert ask(names, "old.example") is None
    found = ask(names, "room-4.rooms.school.example")
    assert found is not None
    assert found.counts == b"\0\1\0\0\0\0"
