"""Public filters that say "closed" in ways of their own: refused like any other, and the log says by whom."""

import ipaddress

import pytest

from dns.forward import block_signals
from dns.forward.block_signals import is_block_signal, is_quad9
from dns.forward.extended_error import parse_extended_error
from dns.message.constants import Rcode
from dns.message.scanner import scan_message
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream


def as_quad9_does(asked: fake.ReceivedQuery, answer: bytes) -> list[fake.Reply]:
    reply = asked.record.reply(ra=0)
    reply.header.rcode = Rcode.NXDOMAIN
    return [fake.Reply(bytes(reply.pack()))]


@pytest.mark.parametrize("known", [True, False])
def test_no_such_name_without_ra_is_a_refusal_from_those_alone_who_use_it(
    monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    if known:
        here = ipaddress.ip_address("127.0.0.1")
        monkeypatch.setattr(block_signals, "QUAD9_ADDRESSES", {*block_signals.QUAD9_ADDRESSES, here})

    async def story() -> None:
        async with asking(server) as upstreams:
            message = await answer_bytes(upstreams, query("bad.example"), "bad.example")
            assert message is not None
            assert message[3] & 0x0F == Rcode.NXDOMAIN
            explained = parse_extended_error(message, scan_message(message).additional)
            assert (explained is not None and explained.blocked_text is not None) is known

    with FakeUpstream(behave=as_quad9_does) as server:
        run(story())


def test_a_name_that_does_not_exist_is_no_refusal() -> None:
    with FakeUpstream(missing={"missing.example"}) as server:
        asked = fake.ReceivedQuery(query("missing.example"), "udp", ())
        assert not is_block_signal(server.answer(asked))
        (reply,) = as_quad9_does(asked, b"")
        assert is_block_signal(reply.data)


@pytest.mark.parametrize(
    ("host", "name", "known"),
    [
        ("9.9.9.9", "", True),
        ("2620:fe:0::fe", "", True),
        ("192.0.2.1", "dns.quad9.net", True),
        ("dns.quad9.net", "", True),
        ("192.0.2.1", "notquad9.net", False),
        ("9.9.9.10", "", False),  # Quad9's service that blocks nothing
    ],
)
def test_quad9_is_known_by_address_and_by_name(host: str, name: str, known: bool) -> None:
    assert is_quad9(host, name) is known
