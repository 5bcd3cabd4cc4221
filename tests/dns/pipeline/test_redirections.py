"""Redirected trees (DNAME, RFC 6672): a device gets an alias that it understands, and never a closed name."""

from collections.abc import Iterable

import dnslib
import pytest

from dns.message.constants import Rcode, RecordType
from dns.message.wire_names import name_to_wire
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest, extended_errors, question

LONG = ".".join(("a" * 60, "b" * 60, "c" * 60, "d" * 50))
SIGNATURE = (
    bytes.fromhex("0027 0d02 0000003c 6a000000 69000000 1234") + name_to_wire("tree.example") + b"signature"
)


def redirect(room: InTest, trees: dict[str, str], *beside: str, signed: bool = False) -> None:
    """Have the upstream answer for names under `trees` with the redirection alone, and other records beside it."""
    given = room.upstream.answer

    def answer(query: bytes) -> bytes:
        asked = dnslib.DNSRecord.parse(query)
        name = str(asked.q.qname).lower().removesuffix(".")
        tree = next((one for one in trees if name.endswith("." + one)), None)
        if tree is None:
            return given(query)
        message = asked.reply(ra=1, aa=0)
        message.add_answer(dnslib.RR(tree, 39, ttl=60, rdata=dnslib.RD(name_to_wire(trees[tree]))))
        if signed:
            message.add_answer(dnslib.RR(tree, 46, ttl=60, rdata=dnslib.RD(SIGNATURE)))
        for line in beside:
            message.add_answer(*dnslib.RR.fromZone(line))
        return bytes(message.pack())

    room.upstream.answer = answer  # type: ignore[method-assign]  # another upstream in its place


def texts(records: Iterable[dnslib.RR]) -> list[tuple[str, int, str]]:
    """Return owner, type and data of records; of a redirection its target."""
    return [
        (
            str(one.rname).removesuffix("."),
            one.rtype,
            one.rdata.data.hex() if one.rtype == 39 else str(one.rdata).removesuffix("."),
        )
        for one in records
    ]


def wire(name: str) -> str:
    return name_to_wire(name).hex()


def test_rfc6672_3_2_an_alias_that_a_server_left_out_is_made_and_followed() -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"})

    for ttl in (60, 50):
        reply = room.ask("Www.Tree.Example")
        assert texts(reply.rr) == [
            ("tree.example", 39, wire("fine.example")),
            ("Www.Tree.Example", 5, "www.fine.example"),
            ("www.fine.example", 1, "192.0.2.1"),
        ]
        assert {record.ttl for record in reply.rr[:2]} == {ttl}
        room.clock.now += 10
    assert [name for name, _ in room.upstream.asked] == ["www.tree.example", "www.fine.example"]


def test_rfc6672_3_2_the_targets_records_beside_a_redirection_alone_are_led_to() -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"}, "www.fine.example. 60 IN A 192.0.2.8")

    assert texts(room.ask("www.tree.example").rr)[1:] == [
        ("www.tree.example", 5, "www.fine.example"),
        ("www.fine.example", 1, "192.0.2.8"),
    ]
    assert len(room.upstream.asked) == 1


def test_rfc6672_2_2_an_alias_of_another_name_than_the_redirections_is_none() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    redirect(room, {"tree.example": "bets.example"}, "www.tree.example. 60 IN CNAME www.fine.example.")

    assert [str(record.rdata) for record in room.ask("www.tree.example").rr] == ["0.0.0.0"]


def test_rfc6672_2_3_a_redirected_name_has_no_records_of_its_own() -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"}, "www.tree.example. 60 IN A 192.0.2.66")

    assert [one[2] for one in texts(room.ask("www.tree.example").rr)][1:] == ["www.fine.example", "192.0.2.1"]


def test_records_of_the_tree_itself_are_left_out_but_for_the_redirection() -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"}, "tree.example. 60 IN A 192.0.2.66")

    assert [one[1:] for one in texts(room.ask("www.tree.example").rr)][1:] == [
        (5, "www.fine.example"),
        (1, "192.0.2.1"),
    ]


@pytest.mark.parametrize("beside", [(), (f"{LONG}.tree.example. 60 IN CNAME www.fine.example.",)])
def test_rfc6672_2_2_a_name_that_would_be_too_long_is_said_so(beside: tuple[str, ...]) -> None:
    room = InTest()
    redirect(room, {"tree.example": "a-longer-tree.example"}, *beside)

    reply = room.ask(f"{LONG}.tree.example")
    assert reply.header.rcode == Rcode.YXDOMAIN
    assert texts(reply.rr) == [("tree.example", 39, wire("a-longer-tree.example"))]
    assert len(room.upstream.asked) == 1


def test_rfc6672_2_2_a_name_of_just_255_octets_is_no_longer_than_one_can_be() -> None:
    room = InTest()
    tree = "x" * (255 - len(LONG) - 2 - len("example") - 2) + ".example"
    redirect(room, {"t.example": tree})

    assert len(name_to_wire(f"{LONG}.{tree}")) == 255
    assert texts(room.ask(f"{LONG}.t.example").rr)[-1] == (f"{LONG}.{tree}", 1, "192.0.2.1")


@pytest.mark.parametrize("asked", ["tree.example", "xtree.example", "www.tree.example.org"])
def test_rfc6672_2_3_only_what_stands_below_a_redirection_is_redirected(asked: str) -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"})

    assert texts(room.ask(asked).rr) == [(asked, 1, "192.0.2.1")]


def test_redirections_one_after_the_other_are_followed() -> None:
    room = InTest()
    redirect(room, {"a.example": "b.example", "b.example": "c.example"})

    assert [one[1] for one in texts(room.ask("www.a.example").rr)] == [39, 5, 39, 5, 1]


@pytest.mark.parametrize(
    "trees",
    [
        {"tree.example": "sub.tree.example"},
        {"a.tree.example": "b.tree.example", "b.tree.example": "a.tree.example"},
    ],
)
def test_redirections_without_an_end_are_a_failure_soon(trees: dict[str, str]) -> None:
    room = InTest()
    redirect(room, trees)
    reply = room.ask(f"www.{next(iter(trees))}")

    assert reply.header.rcode == Rcode.SERVFAIL
    assert extended_errors(reply)[0][1] in {"too many aliases", "aliases that lead in a circle"}


@pytest.mark.parametrize("target", ["bets.example", "deeper.bets.example"])
@pytest.mark.parametrize("qtype", ["A", "AAAA", "HTTPS", "TXT", "MX", "SRV", "CNAME"])
def test_a_redirection_into_a_closed_tree_is_refused_for_every_type(target: str, qtype: str) -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    redirect(room, {"tree.example": target})
    reply = room.ask("www.tree.example", qtype)

    assert extended_errors(reply)[0][0] == 15
    assert {str(record.rdata) for record in reply.rr} <= {"0.0.0.0", "::"}


def test_a_name_that_is_closed_only_when_it_is_put_together_is_refused() -> None:
    room = InTest(FakePolicy(blocked={"www.fine.example"}))
    redirect(room, {"tree.example": "fine.example"})

    assert [str(record.rdata) for record in room.ask("www.tree.example").rr] == ["0.0.0.0"]
    assert [str(record.rdata) for record in room.ask("maths.tree.example").rr][1:] == [
        "maths.fine.example.",
        "192.0.2.1",
    ]


def test_rfc6672_3_1_signatures_over_a_redirection_are_kept_octet_by_octet() -> None:
    room = InTest()
    redirect(room, {"tree.example": "fine.example"}, signed=True)
    reply = room.ask("www.tree.example", dnssec=True)

    assert [one[1] for one in texts(reply.rr)] == [39, 5, 46, 1]
    assert SIGNATURE in room.send(question("www.tree.example", dnssec=True))[0]


@pytest.mark.parametrize("target", ["", "example"])
def test_a_tree_may_be_redirected_to_the_top(target: str) -> None:
    room = InTest()
    redirect(room, {"tree.example": target})
    led_to = ".".join(filter(None, ("www.maths", target)))

    assert texts(room.ask("www.maths.tree.example").rr)[1:] == [
        ("www.maths.tree.example", 5, led_to),
        (led_to, 1, "192.0.2.1"),
    ]


def test_rfc6672_2_5_a_compressed_target_is_written_out() -> None:
    room = InTest()

    def compressed(message: dnslib.DNSRecord) -> None:
        message.rr.clear()
        # "fine", and a pointer to "example" in the question "www.tree.example"
        message.add_answer(dnslib.RR("tree.example", 39, ttl=60, rdata=dnslib.RD(b"\4fine\xc0\x15")))
        message.add_answer(*dnslib.RR.fromZone("www.tree.example. 60 IN CNAME www.fine.example."))
        message.add_answer(*dnslib.RR.fromZone("www.fine.example. 60 IN A 192.0.2.8"))

    room.upstream.change = compressed
    assert texts(room.ask("www.tree.example").rr)[0] == ("tree.example", 39, wire("fine.example"))


def test_rfc4035_3_1_3_proofs_beside_an_alias_are_kept_when_it_is_followed() -> None:
    room = InTest()
    proof = name_to_wire("z.example") + b"\0\7\x40\0\0\0\0\3\x80"

    def prove(message: dnslib.DNSRecord) -> None:
        if str(message.q.qname).lower().startswith("wild."):
            message.auth.clear()
            message.add_auth(dnslib.RR("a.example", RecordType.NSEC, ttl=60, rdata=dnslib.RD(proof)))

    room.upstream.records["wild.example", "A"] = ["wild.example. 60 IN CNAME host.example."]
    room.upstream.change = prove
    reply = room.send(question("wild.example", dnssec=True))[0]

    assert [record.rtype for record in dnslib.DNSRecord.parse(reply).rr] == [5, 1]
    assert proof in reply
