"""Local names: the school's records, the room's own names, and zones that never leave the room."""

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.local_zones.ddr import DesignatedResolver
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.private_zones import EMPTY_ZONES
from dns.local_zones.zone_records import InvalidRecord, LocalRecord
from dns.message import svcb
from dns.message.query import parse_query
from tests.fakes.dns_client import query


def record(name: str, rtype: str, value: str, ttl: int = 300) -> LocalRecord:
    return LocalRecord(name=name, type=rtype, value=value, ttl=ttl)


def ask(local: LocalZones, name: str, rtype: str = "A") -> dnslib.DNSRecord | None:
    """Ask, and return the answer as a client would read it; None where the name is not local."""
    question = parse_query(query(name, rtype))
    answer = local.answer_query(question)
    if answer is None:
        return None
    head = question.packet[:2] + bytes((0x81, 0x80 | answer.rcode)) + b"\0\1" + answer.counts
    return dnslib.DNSRecord.parse(head + question.packet[12 : question.question_end] + answer.records)


def values(answer: dnslib.DNSRecord | None) -> list[str]:
    assert answer is not None
    return [str(one.rdata) for one in answer.rr]


@pytest.mark.parametrize(
    ("rtype", "value", "expected"),
    [
        ("A", "192.0.2.7", "192.0.2.7"),
        ("AAAA", "2001:db8::7", "2001:db8::7"),
        ("cname", "Other.School.Example", "other.school.example."),
        ("PTR", "host.school.example.", "host.school.example."),
        ("TXT", "v=spf1 -all", '"v=spf1 -all"'),
        ("TXT", '"two words" "two strings"', '"two words","two strings"'),
        ("SRV", "10 20 5060 sip.school.example", "10 20 5060 sip.school.example."),
    ],
)
def test_each_type_is_answered_as_it_was_written(rtype: str, value: str, expected: str) -> None:
    local = LocalZones([record("X.School.Example", rtype, value, 77)])
    answer = ask(local, "x.school.EXAMPLE", rtype.upper())
    assert values(answer) == [expected]
    assert answer is not None
    assert answer.rr[0].ttl == 77
    assert str(answer.rr[0].rname) == "x.school.EXAMPLE."


def test_a_long_text_is_cut_into_strings_of_255_bytes() -> None:
    local = LocalZones([record("x.school.example", "TXT", "x" * 300)])
    (text,) = values(ask(local, "x.school.example", "TXT"))
    assert text == f'"{"x" * 255}","{"x" * 45}"'


@pytest.mark.parametrize(
    ("name", "rtype", "value"),
    [
        ("x.example", "A", "2001:db8::1"),
        ("x.example", "AAAA", "192.0.2.1"),
        ("x.example", "A", "300.1.1.1"),
        ("x.example", "CNAME", "not a name"),
        ("x.example", "SRV", "1 2 3"),
        ("x.example", "SRV", "1 2 70000 a.example"),
        ("x.example", "SRV", "one 2 3 a.example"),
        ("x.example", "TXT", '"no end'),
        ("x.example", "TXT", "x" * 20_000),
        ("x.example", "MX", "10 mail.example"),
        ("x y.example", "A", "192.0.2.1"),
    ],
)
def test_a_record_that_cannot_be_one_is_refused_with_its_reason(name: str, rtype: str, value: str) -> None:
    with pytest.raises(InvalidRecord, match=r"^(name|type|value): "):
        record(name, rtype, value)


@given(st.sampled_from(["A", "AAAA", "CNAME", "PTR", "TXT", "SRV"]), st.text(max_size=60))
def test_whatever_a_person_writes_is_a_record_or_a_reason(rtype: str, value: str) -> None:
    try:
        local = LocalZones([record("x.school.example", rtype, value)])
    except InvalidRecord:
        return
    assert values(ask(local, "x.school.example", rtype))


def test_a_local_name_has_nothing_of_other_types_and_its_subdomains_are_not_ours() -> None:
    local = LocalZones([record("x.school.example", "A", "192.0.2.7")])
    answer = ask(local, "x.school.example", "AAAA")
    assert answer is not None
    assert (answer.header.rcode, len(answer.rr), len(answer.auth)) == (0, 0, 1)
    assert ask(local, "sub.x.school.example") is None
    assert ask(local, "school.example") is None
    assert ask(local, "other.example") is None


def test_several_records_of_a_type_are_all_given() -> None:
    local = LocalZones([record("x.school.example", "A", f"192.0.2.{n}") for n in range(1, 4)])
    assert values(ask(local, "x.school.example")) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_an_alias_is_followed_among_local_names_and_stands_alone() -> None:
    local = LocalZones(
        [
            record("www.school.example", "CNAME", "web.school.example"),
            record("web.school.example", "CNAME", "host.school.example"),
            record("host.school.example", "A", "192.0.2.7"),
        ]
    )
    assert values(ask(local, "www.school.example")) == ["web.school.example.", "host.school.example.", "192.0.2.7"]
    assert values(ask(local, "www.school.example", "CNAME")) == ["web.school.example."]
    with pytest.raises(InvalidRecord, match="stands alone"):
        LocalZones([record("a.example", "CNAME", "b.example"), record("a.example", "A", "192.0.2.1")])


def test_an_alias_that_leads_elsewhere_says_where() -> None:
    local = LocalZones(
        [
            record("www.school.example", "CNAME", "web.school.example"),
            record("web.school.example", "CNAME", "school.example.net"),
            record("page.school.example", "CNAME", "hallpass.home.arpa"),
            record("nowhere.school.example", "CNAME", "a.invalid"),
        ],
        own_names=["hallpass.home.arpa"],
        own_addresses=lambda: ["192.0.2.9"],
    )
    assert ask(local, "www.school.example") is None
    assert (
        local.alias_target("www.school.example")
        == local.alias_target("web.school.example")
        == "school.example.net"
    )
    assert values(ask(local, "www.school.example", "CNAME")) == ["web.school.example."]
    assert values(ask(local, "page.school.example")) == ["hallpass.home.arpa.", "192.0.2.9"]
    assert values(ask(local, "nowhere.school.example")) == ["a.invalid."]
    assert local.alias_target("page.school.example") == local.alias_target("example.org") == ""


def test_aliases_in_a_circle_end() -> None:
    local = LocalZones([record("a.example", "CNAME", "b.example"), record("b.example", "CNAME", "a.example")])
    assert set(values(ask(local, "a.example"))) == {"a.example.", "b.example."}


def test_an_address_points_back_by_itself_unless_something_else_is_given() -> None:
    local = LocalZones(
        [
            record("a.school.example", "A", "192.168.4.1"),
            record("b.school.example", "A", "192.168.4.2"),
            record("2.4.168.192.in-addr.arpa", "PTR", "chosen.school.example"),
            record("c.school.example", "AAAA", "2001:db8::3"),
        ]
    )
    assert values(ask(local, "1.4.168.192.in-addr.arpa", "PTR")) == ["a.school.example."]
    assert values(ask(local, "2.4.168.192.in-addr.arpa", "PTR")) == ["chosen.school.example."]
    assert values(ask(local, "3." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR")) == ["c.school.example."]


def test_the_rooms_own_names_have_the_addresses_of_the_moment() -> None:
    own = ["192.168.4.9", "2001:db8::9"]
    local = LocalZones(own_names=["hallpass.home.arpa"], own_addresses=lambda: own)
    assert values(ask(local, "hallpass.home.arpa")) == ["192.168.4.9"]
    assert values(ask(local, "hallpass.home.arpa", "AAAA")) == ["2001:db8::9"]
    assert values(ask(local, "9.4.168.192.in-addr.arpa", "PTR")) == ["hallpass.home.arpa."]
    own[:] = ["192.168.4.10"]
    assert values(ask(local, "hallpass.home.arpa")) == ["192.168.4.10"]
    assert values(ask(local, "hallpass.home.arpa", "AAAA")) == []


@pytest.mark.parametrize(
    "name",
    [
        "1.0.0.10.in-addr.arpa",
        "1.4.168.192.in-addr.arpa",
        "1.0.16.172.in-addr.arpa",
        "1.0.31.172.in-addr.arpa",
        "1.0.64.100.in-addr.arpa",
        "1.1.254.169.in-addr.arpa",
        "9.9.d.f.ip6.arpa",
        "1.0.8.e.f.ip6.arpa",
        "printer.home.arpa",
        "something.onion",
        "a.test",
        "a.invalid",
    ],
)
def test_questions_about_private_zones_are_answered_here_with_nothing(name: str) -> None:
    """RFC 6303; RFC 6761; RFC 8375; RFC 7686."""
    answer = ask(LocalZones(), name, "PTR")
    assert answer is not None
    assert answer.header.rcode == dnslib.RCODE.NXDOMAIN
    soa = answer.auth[0]
    assert str(soa.rname).removesuffix(".") in EMPTY_ZONES
    assert soa.ttl == soa.rdata.times[4] == 10800


@pytest.mark.parametrize(
    "name", ["1.0.32.172.in-addr.arpa", "8.8.8.8.in-addr.arpa", "a.localnet", "1.0.128.100.in-addr.arpa"]
)
def test_other_zones_are_not_ours(name: str) -> None:
    assert ask(LocalZones(), name, "PTR") is None


def test_a_zones_own_name_has_a_soa_and_a_name_above_a_local_one_exists() -> None:
    local = LocalZones([record("a.school.example", "A", "192.168.4.1")])
    for rtype in ("SOA", "NS"):
        answer = ask(local, "168.192.in-addr.arpa", rtype)
        assert answer is not None
        assert len(answer.rr) == 1
    between = ask(local, "4.168.192.in-addr.arpa", "PTR")
    assert between is not None
    assert between.header.rcode == 0  # RFC 8020: below it there is something


def test_a_zone_with_a_server_of_its_own_is_left_to_it() -> None:
    local = LocalZones(forwarded=["168.192.in-addr.arpa", "school.test", "ip6.arpa"])
    assert ask(local, "1.4.168.192.in-addr.arpa", "PTR") is None
    assert ask(local, "www.school.test") is None
    assert ask(local, "9.9.d.f.ip6.arpa", "PTR") is None
    assert ask(local, "other.test") is not None
    assert ask(local, "1.0.0.10.in-addr.arpa", "PTR") is not None


def test_localhost_is_this_machine() -> None:
    assert values(ask(LocalZones(), "localhost")) == ["127.0.0.1"]
    assert values(ask(LocalZones(), "localhost", "AAAA")) == ["::1"]
    assert values(ask(LocalZones(), "anything.localhost")) == ["127.0.0.1"]
    assert values(ask(LocalZones(), "1.0.0.127.in-addr.arpa", "PTR")) == ["localhost."]


def test_no_encrypted_resolver_is_designated_unless_there_is_one() -> None:
    """RFC 9462, section 4: NODATA, and never a question to an upstream."""
    answer = ask(LocalZones(), "_dns.resolver.arpa", "SVCB")
    assert answer is not None
    assert (answer.header.rcode, answer.rr) == (0, [])
    records = DesignatedResolver(name="room.school.example", tls_port=853, https_port=443).svcb_records()
    given_answer = ask(LocalZones(ddr_records=records), "_dns.resolver.arpa", "SVCB")
    assert given_answer is not None
    assert len(given_answer.rr) == 2
    https, tls = (svcb.parse_service_binding(data) for data in records)
    assert (https.target, https.head[:2], tls.head[:2]) == ("room.school.example", b"\0\1", b"\0\2")
    assert dict(https.params) == {1: b"\x02h2", 3: (443).to_bytes(2, "big"), 7: b"/dns-query{?dns}"}
    assert dict(tls.params) == {1: b"\x03dot", 3: (853).to_bytes(2, "big")}


def test_rfc9462_4_the_addresses_of_a_designated_resolver_come_with_it() -> None:
    records = DesignatedResolver(name="room.school.example", tls_port=853).svcb_records()
    local = LocalZones(
        ddr_records=records, own_names=["room.school.example"], own_addresses=lambda: ["192.0.2.4", "2001:db8::4"]
    )
    for owner in ("_dns.resolver.arpa", "_dns.room.school.example"):  # the second: section 5
        answer = ask(local, owner, "SVCB")
        assert answer is not None
        assert len(answer.rr) == 1
        assert [(str(one.rname), str(one.rdata)) for one in answer.ar] == [
            ("room.school.example.", "192.0.2.4"),
            ("room.school.example.", "2001:db8::4"),
        ]


def test_other_names_below_resolver_arpa_do_not_leave_the_room() -> None:
    answer = ask(LocalZones(), "x.resolver.arpa")
    assert answer is not None
    assert answer.header.rcode == dnslib.RCODE.NXDOMAIN


@pytest.mark.parametrize(
    "name",
    [
        "printer.local",
        "nas.lan",
        "wiki.internal",
        "x.alt",
        "box.home",
        "ad.corp",
        "x.private",
        "x.intranet",
        "host.localdomain",
        "x.6tisch.arpa",
        "noob@x.eap-noob.arpa",
        "_matter._tcp.default.service.arpa",
    ],
)
def test_names_of_special_use_never_leave_the_room(name: str) -> None:
    """RFC 6761, RFC 6762 section 22.1, RFC 9476."""
    answer = ask(LocalZones(), name)

    assert answer is not None
    assert answer.header.rcode == dnslib.RCODE.NXDOMAIN


@pytest.mark.parametrize("name", ["local", "school.local"])
def test_a_server_of_its_own_is_asked_for_a_zone_of_special_use(name: str) -> None:
    assert ask(LocalZones(forwarded=[name]), f"x.{name}") is None


@pytest.mark.parametrize("rtype", ["A", "AAAA", "HTTPS", "SRV", "TXT"])
@pytest.mark.parametrize("name", ["wpad", "intranet-server", "com"])
def test_a_name_of_one_label_has_nothing_and_is_not_asked_for(name: str, rtype: str) -> None:
    local = LocalZones()
    answer = ask(local, name, rtype)

    assert local.may_hold_name(name)
    assert answer is not None
    assert (answer.header.rcode, [one.rtype for one in answer.auth]) == (dnslib.RCODE.NOERROR, [6])


@pytest.mark.parametrize(
    ("name", "rtype"), [("com", "DS"), ("com", "NS"), ("com", "DNSKEY"), (".", "NS"), (".", "A")]
)
def test_what_a_validator_asks_of_the_top_goes_on(name: str, rtype: str) -> None:
    assert ask(LocalZones(), name, rtype) is None


def test_a_forwarded_name_of_one_label_is_asked_of_its_server() -> None:
    assert ask(LocalZones(forwarded=["intra"]), "intra") is None


@pytest.mark.parametrize(
    "name", ["home.arpa", "service.arpa", "10.in-addr.arpa", "resolver.arpa", "168.192.in-addr.arpa"]
)
def test_rfc8375_4_whether_an_empty_zone_is_signed_is_its_parents_to_say(name: str) -> None:
    assert ask(LocalZones(), name, "DS") is None
    assert ask(LocalZones(), f"x.{name}", "DS") is not None
