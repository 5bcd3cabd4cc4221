"""What a server bears is found out, remembered for a while and tried again; the settings may fix it."""

import asyncio

import msgspec
import pytest

from dns.forward import capabilities
from dns.forward.capabilities import EVIDENCE_NEEDED, Capability, ServerCapabilities
from dns.forward.server import ServerAddress
from dns.forward.upstreams import ForwardZone
from dns.message.constants import Rcode
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream

QUICK = 0.1  # seconds between attempts in these stories
NAME = "a-rather-long-name-of-many-letters.school.example"


def with_switches(server: FakeUpstream, **switches: str) -> ServerAddress:
    return msgspec.structs.replace(server.address, **switches)


@pytest.mark.parametrize("capability", Capability)
def test_something_counts_only_in_a_row_and_is_forgotten_after_a_while(capability: Capability) -> None:
    server = ServerCapabilities()
    for _ in range(5):
        for _ in range(EVIDENCE_NEEDED - 1):
            server.note_evidence_against(capability, 0.0)
        server.note_shown(capability)
    assert server.bears(capability, 0.0)
    assert not server.has_doubts
    for _ in range(EVIDENCE_NEEDED):
        server.note_evidence_against(capability, 10.0)
    assert not server.bears(capability, 10.0)
    assert server.restricted_until > 10.0
    later = 10.0 + capability.value
    assert server.bears(capability, later)
    assert server.restricted_until <= later


def test_what_the_settings_fix_is_not_found_out() -> None:
    server = ServerCapabilities("on", "off")
    for _ in range(10):
        server.note_evidence_against(Capability.MIXED_CASE, 0.0)
    assert server.bears(Capability.MIXED_CASE, 0.0)
    assert not server.bears(Capability.EDNS, 1e9)


@pytest.mark.parametrize(
    "wrong",
    [
        *map(fake.failing, (Rcode.REFUSED, Rcode.SERVFAIL, Rcode.NXDOMAIN, Rcode.FORMERR, Rcode.NOERROR)),
        fake.header_only(Rcode.FORMERR),
    ],
    ids=["refused", "servfail", "nxdomain", "formerr", "nodata", "formerr without a question"],
)
def test_rfc4343_3_1_a_server_that_takes_case_for_a_difference_gives_no_wrong_answer(
    wrong: fake.Behaviour,
) -> None:
    async def story() -> None:
        forwards = (ForwardZone("school.example", (school.address,)),)
        async with asking(general, forwards=forwards) as upstreams:
            for n in range(8):
                assert addresses(await answer(upstreams, f"n{n}.{NAME}")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream() as general, FakeUpstream(behave=fake.case_sensitive(wrong)) as school:
        run(story())
        written = [asked.written == asked.name for asked in school.asked]
        assert written.count(True) == 8
        assert all(written[-5:])
        assert all(asked.record.ar for asked in school.asked[-5:])  # and EDNS is not to blame


def test_a_server_that_is_silent_to_mixed_case_is_asked_in_plain_case_after_a_few_questions() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            for n in range(8):
                assert addresses(await answer(upstreams, f"n{n}.{NAME}")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=fake.case_sensitive(fake.never)) as server:
        run(story())
        assert [asked.written == asked.name for asked in server.asked if asked.name][-4:] == [True] * 4


def test_names_that_there_are_not_cost_one_question_each_once_mixed_case_was_answered() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            await answer(upstreams, "missing.example.org")
            assert addresses(await answer(upstreams, NAME))
            before = len(server.asked)
            for _ in range(5):
                await answer(upstreams, "missing.example.org")
            assert len(server.asked) == before + 5

    with FakeUpstream(missing={"missing.example.org"}) as server:
        run(story())


def test_mixed_case_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(EVIDENCE_NEEDED):
                await answer(upstreams, f"n{n}.{NAME}")
            server.behave = fake.honest
            pool = upstreams._default_pool
            assert pool is not None
            (udp,) = pool._servers
            limits = udp.capabilities  # type: ignore[attr-defined]  # a plain server
            limits._spared_until = dict.fromkeys(limits._spared_until, 0.0)
            assert addresses(await answer(upstreams, NAME))

    with FakeUpstream(behave=fake.in_lower_case) as server:
        run(story())
        assert server.asked[-1].written != NAME


@pytest.mark.parametrize(("switch", "mixed"), [("auto", True), ("on", True), ("off", False)])
def test_the_settings_say_whether_a_server_is_asked_in_mixed_case(switch: str, mixed: bool) -> None:
    async def story() -> None:
        async with asking(with_switches(server, mixed_case=switch)) as upstreams:
            for n in range(3):
                assert addresses(await answer(upstreams, f"n{n}.{NAME}"))

    with FakeUpstream() as server:
        run(story())
        assert [asked.written != asked.name for asked in server.asked] == [mixed] * 3


@pytest.mark.parametrize(("switch", "records"), [("auto", 1), ("on", 1), ("off", 0)])
def test_the_settings_say_whether_a_server_is_asked_with_edns(switch: str, records: int) -> None:
    async def story() -> None:
        async with asking(with_switches(server, edns=switch)) as upstreams:
            for n in range(3):
                assert addresses(await answer(upstreams, f"n{n}.example.org"))

    with FakeUpstream() as server:
        run(story())
        assert [len(asked.record.ar) for asked in server.asked] == [records] * 3


def test_rfc6891_7_odd_names_do_not_turn_edns_off_where_others_are_answered_with_it() -> None:
    def odd(asked: fake.ReceivedQuery, good: bytes) -> list[fake.Reply]:
        return list((fake.with_edns(fake.failing(1)) if "odd" in asked.name else fake.honest)(asked, good))

    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"odd{n}.example.org"))
                assert addresses(await answer(upstreams, f"n{n}.example.org"))

    with FakeUpstream(behave=odd) as server:
        run(story())
        assert all(asked.record.ar for asked in server.asked if "odd" not in asked.name)


@pytest.mark.parametrize(
    "wrong",
    [
        *map(fake.failing, (Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP, Rcode.NOERROR)),
        fake.answering(opt=b"\0\0\x29\x02\0\1\0\0\0\0\0"),
        fake.referring,
    ],
    ids=["servfail", "refused", "notimp", "nodata", "badvers", "referral"],
)
def test_rfc6891_7_a_server_that_has_no_answer_for_who_speaks_edns_is_asked_without(wrong: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(8):
                assert addresses(await answer(upstreams, f"n{n}.{NAME}")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=fake.with_edns(wrong)) as server:
        run(story())
        assert not any(asked.record.ar for asked in server.asked[-5:])
        assert all(asked.written != asked.name for asked in server.asked[-5:])  # and mixed case is not to blame


def test_rfc9520_3_1_names_that_fail_cost_no_question_more_where_edns_was_answered() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            assert addresses(await answer(upstreams, NAME))
            server.behave = fake.failing(Rcode.SERVFAIL)
            await answer(upstreams, "broken.example.org")
            assert all(asked.record.ar for asked in server.asked)

    with FakeUpstream() as server:
        run(story())
        assert len(server.asked) == 3  # the failing name in mixed case, and in plain


def test_a_server_that_drops_edns_is_asked_without_it_after_a_while() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            count = 0
            while True:
                count += 1
                before = len(server.asked)
                await answer(upstreams, f"n{count}.example.org")
                new = [asked for asked in server.asked[before:] if asked.name == f"n{count}.example.org"]
                if len(new) == 1 and not new[0].record.ar:
                    return

    with FakeUpstream(behave=fake.with_edns(fake.never), speaks_tcp=False) as server:
        run(story())


def test_a_server_whose_udp_is_dead_is_asked_over_tcp() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            for n in range(EVIDENCE_NEEDED + 2):
                assert addresses(await answer(upstreams, f"n{n}.example.org")) == [fake.DEFAULT_ADDRESS]
            before = len(server.asked)
            assert addresses(await answer(upstreams, "example.org"))
            assert [asked.transport for asked in server.asked[before:] if asked.name] == ["tcp"]

    with FakeUpstream(behave=fake.over("tcp", fake.never)) as server:
        run(story())


def test_a_server_whose_large_datagrams_are_lost_is_asked_for_small_ones() -> None:
    many = [f"192.0.2.{n}" for n in range(1, 60)]

    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            for n in range(EVIDENCE_NEEDED):
                assert addresses(await answer(upstreams, f"many{n}.example.org")) == many
                assert addresses(await answer(upstreams, f"n{n}.example.org"))  # small ones arrive
            before = len(server.asked)
            assert addresses(await answer(upstreams, "many.example.org")) == many
            asked = [one for one in server.asked[before:] if one.name]
            assert [one.transport for one in asked] == ["udp", "tcp"]
            assert asked[0].record.ar[0].rclass == capabilities.SMALL_DATAGRAM_BYTES

    names = {(f"many{n}.example.org", "A"): many for n in ("", *range(EVIDENCE_NEEDED))}
    with FakeUpstream(behave=fake.losing_large(600), records=names) as server:
        run(story())


def test_an_answer_that_comes_after_all_is_handed_on_for_the_next_who_asks() -> None:
    async def story() -> None:
        late: list[bytes | None] = []
        async with asking(server, retry_seconds=QUICK) as upstreams:
            assert await answer_bytes(upstreams, query("slow.example.org"), "slow.example.org", late) is None
            while not late:
                await asyncio.sleep(0.01)
            assert late[0] is not None

    with FakeUpstream(behave=fake.late(4.0)) as server:  # long after the last attempt, also on a busy machine
        run(story())
