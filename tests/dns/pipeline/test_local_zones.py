"""Local names in the chain: an alias of the school's own is no way past the policy."""

from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest

ALIASES = LocalZones(
    [
        LocalRecord(name="portal.school.example", type="CNAME", value="school.cloud.example"),
        LocalRecord(name="fun.school.example", type="CNAME", value="bets.example"),
        LocalRecord(name="printer.school.example", type="A", value="192.0.2.77"),
    ]
)


def test_a_local_name_never_reaches_an_upstream() -> None:
    room = InTest(local_zones=ALIASES)
    for _ in range(2):  # from the chain, and from the fast path's memory
        assert [str(one.rdata) for one in room.ask("printer.school.example").rr] == ["192.0.2.77"]
    assert room.ask("printer.school.example", "AAAA").rr == []
    assert room.ask("77.2.0.192.in-addr.arpa", "PTR").rr
    assert room.ask("4.3.2.10.in-addr.arpa", "PTR").header.rcode == 3
    assert room.upstream.asked == []


def test_an_alias_that_leads_elsewhere_is_followed_there() -> None:
    room = InTest(local_zones=ALIASES)
    room.upstream.records["school.cloud.example", "A"] = ["school.cloud.example. 60 IN A 192.0.2.44"]
    answer = room.ask("portal.school.example")
    assert [(str(one.rname), str(one.rdata)) for one in answer.rr] == [
        ("portal.school.example.", "school.cloud.example."),
        ("school.cloud.example.", "192.0.2.44"),
    ]
    assert room.upstream.asked == [("school.cloud.example", 1)]
    assert room.records()[0].verdict == "allowed"


def test_an_alias_that_leads_somewhere_closed_is_closed() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}), local_zones=ALIASES)
    assert {str(one.rdata) for one in room.ask("fun.school.example").rr} <= {"0.0.0.0"}
    assert room.upstream.asked == []
