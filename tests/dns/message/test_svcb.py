"""Service bindings (RFC 9460): what is passed on, what is malformed, and that no hint gets past the policy."""

import struct
from ipaddress import ip_address

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import MalformedMessage
from dns.message.constants import Rcode, RecordType, SvcParamKey
from dns.message.svcb import parse_service_binding
from dns.message.wire_names import name_to_wire
from tests.fakes.policies import policy
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest, extended_errors, question

SERVICE, ALIAS = b"\0\1\0", b"\0\0\0"
PUBLIC, PRIVATE = b"\xc0\0\2\3", b"\x0a\0\0\1"


def param(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


ALPN = param(SvcParamKey.ALPN, b"\2h2\2h3")
HINT = param(SvcParamKey.IPV4HINT, PUBLIC)


def room_with(data: bytes, *, strip_ech: bool = False, policy_in_use: object = None, qtype: int = 65) -> InTest:
    """Return a room whose upstream has this record for every name."""
    fake = FakePolicy()
    fake.shared.strip_ech = strip_ech
    room = InTest(policy_in_use or fake)  # type: ignore[arg-type]  # a fake or a real one

    def change(message: dnslib.DNSRecord) -> None:
        message.rr.clear()
        message.auth.clear()
        message.add_answer(dnslib.RR(message.q.qname, qtype, ttl=60, rdata=dnslib.RD(data)))

    room.upstream.change = change
    return room


@pytest.mark.parametrize(
    "data",
    [
        SERVICE,
        SERVICE + ALPN + HINT,
        SERVICE + HINT + ALPN,
        SERVICE + param(SvcParamKey.MANDATORY, b"\0\4") + ALPN,
        SERVICE + param(SvcParamKey.MANDATORY, b"\0\1\0\3") + ALPN + param(SvcParamKey.PORT, b"\1\xbb"),
        SERVICE + ALPN + param(SvcParamKey.NO_DEFAULT_ALPN, b""),
        SERVICE + param(SvcParamKey.ECH, b"junk"),
        SERVICE + param(SvcParamKey.DOHPATH, b"/dns-query{?dns}") + param(65279, b"of the future"),
        ALIAS,
        ALIAS + HINT + ALPN,
        ALIAS + param(SvcParamKey.ALPN, b""),
    ],
    ids=[
        "nothing but itself",
        "usual",
        "keys out of order",
        "a mandatory key that is not there",
        "mandatory keys",
        "an empty value that must be so",
        "an encrypted hello that is none",
        "keys that are not judged",
        "an alias",
        "an alias with parameters in whatever order",
        "an alias with a parameter without its form",
    ],
)
@pytest.mark.parametrize("qtype", [RecordType.HTTPS, RecordType.SVCB])
def test_rfc9460_4_2_what_only_clients_can_judge_is_passed_on_octet_by_octet(data: bytes, qtype: int) -> None:
    room = room_with(data, qtype=qtype)
    (reply,) = room.send(question("site.example", "HTTPS" if qtype == RecordType.HTTPS else "SVCB"))

    assert len(data).to_bytes(2, "big") + data in reply
    assert reply[3] & 0x0F == Rcode.NOERROR


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1",
        SERVICE + b"\0\4\0",
        SERVICE + ALPN + b"\0\4\0\4\xc0\0\2",
        SERVICE + ALPN + b"\0\4\xff\xff" + PUBLIC,
        SERVICE + HINT + HINT,
        SERVICE + HINT + ALPN + HINT,
        SERVICE + param(SvcParamKey.MANDATORY, b"") + ALPN,
        SERVICE + param(SvcParamKey.MANDATORY, b"\0\1\0") + ALPN,
        SERVICE + param(SvcParamKey.MANDATORY, b"\0\0\0\1") + ALPN,
        SERVICE + param(SvcParamKey.MANDATORY, b"\0\4\0\1") + ALPN + HINT,
        SERVICE + param(SvcParamKey.ALPN, b""),
        SERVICE + param(SvcParamKey.ALPN, b"\0"),
        SERVICE + param(SvcParamKey.ALPN, b"\3h2"),
        SERVICE + param(SvcParamKey.NO_DEFAULT_ALPN, b"h2"),
        SERVICE + param(SvcParamKey.PORT, b"\1"),
        SERVICE + param(SvcParamKey.IPV4HINT, b""),
        SERVICE + param(SvcParamKey.IPV4HINT, PUBLIC[:3]),
        SERVICE + param(SvcParamKey.IPV6HINT, PUBLIC),
        SERVICE + param(SvcParamKey.IPV6HINT, b""),
        b"\0\1\xc0\x0c" + ALPN,
        b"\0\1\3www" + ALPN,
        ALIAS + param(SvcParamKey.IPV4HINT, PUBLIC[:3]),
    ],
    ids=[
        "empty",
        "no target",
        "cut off within a head",
        "cut off within a value",
        "a length beyond its end",
        "a key twice",
        "a key twice, and another between",
        "RFC 9460, 8: no mandatory key",
        "RFC 9460, 8: half a mandatory key",
        "RFC 9460, 8: mandatory itself",
        "RFC 9460, 8: mandatory keys out of order",
        "RFC 9460, 7.1.1: no protocol",
        "RFC 9460, 7.1.1: a protocol without letters",
        "RFC 9460, 7.1.1: a protocol that is cut off",
        "RFC 9460, 7.1.1: a value that must be empty",
        "RFC 9460, 7.2: half a port",
        "RFC 9460, 7.3: no hint",
        "RFC 9460, 7.3: a hint of three octets",
        "RFC 9460, 7.3: an IPv6 hint of four octets",
        "RFC 9460, 7.3: no IPv6 hint",
        "a compressed target",
        "a target that is cut off",
        "an alias with a hint of three octets",
    ],
)
@pytest.mark.parametrize("strip_ech", [False, True])
def test_rfc9460_2_2_a_malformed_record_is_a_failure_that_says_so(data: bytes, strip_ech: bool) -> None:
    room = room_with(data, strip_ech=strip_ech)
    for _ in range(2):
        reply = room.ask("site.example", "HTTPS")
        assert (reply.header.rcode, reply.rr) == (Rcode.SERVFAIL, [])
        assert extended_errors(reply) == [(0, "a record of this name is malformed")]
    assert room.resolver.mistakes == 0


@pytest.mark.parametrize("head", [SERVICE, ALIAS, b"\0\1" + name_to_wire("cdn.example")])
@pytest.mark.parametrize(
    "hints",
    [
        param(SvcParamKey.IPV4HINT, PUBLIC + PRIVATE),
        param(SvcParamKey.IPV6HINT, ip_address("2600::1").packed + ip_address("fd00::1").packed),
        param(SvcParamKey.IPV6HINT, ip_address("::ffff:10.0.0.1").packed),
        param(SvcParamKey.IPV6HINT, ip_address("64:ff9b::10.0.0.1").packed),
        param(SvcParamKey.IPV6HINT, ip_address("2002:a00:1::").packed),
        param(SvcParamKey.IPV4HINT, b"\0\0\0\0"),
        param(SvcParamKey.IPV4HINT, b"\x92\x70\x3d\x6a"),
        ALPN + HINT + param(SvcParamKey.ECH, b"junk") + param(SvcParamKey.IPV6HINT, bytes(15) + b"\1"),
        param(SvcParamKey.IPV4HINT, PRIVATE) + ALPN,
    ],
)
def test_a_hint_that_leads_into_a_private_network_closes_the_name_in_whatever_form(
    head: bytes, hints: bytes
) -> None:
    room = room_with(head + hints, policy_in_use=policy())
    reply = room.ask("site.example.com", "HTTPS")

    assert reply.rr == []
    assert extended_errors(reply)[0][0] in {15, 16}


@given(st.binary(max_size=60), st.booleans())
def test_no_hint_of_any_octets_gets_past_the_policy(noise: bytes, is_whole: bool) -> None:
    data = SERVICE + (param(SvcParamKey.IPV4HINT, noise) if is_whole else noise)
    try:
        service = parse_service_binding(data)
        hints = list(service.address_hints())
    except MalformedMessage:
        return
    sizes = {4: 4, 6: 16}  # octets of a hint, by key
    assert service.head + b"".join(param(*one) for one in service.params) == data
    assert len(hints) == sum(len(value) // sizes[code] for code, value in service.params if code in sizes)
