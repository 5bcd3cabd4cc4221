"""Plain upstreams: what leaves the room, and which of the things that come back are believed."""

import asyncio

import dnslib
import pytest

from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream


def test_an_upstream_answers() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            record = await answer(upstreams, "WWW.Example.ORG")
            assert record is not None
            assert str(record.q.qname).lower() == "www.example.org."
            assert addresses(record) == ["192.0.2.7"]

    with FakeUpstream(records={("www.example.org", "A"): ["192.0.2.7"]}) as server:
        run(story())


def test_no_option_of_a_device_leaves_the_room_and_ours_is_1232_bytes() -> None:
    subnet = b"\0\x08\0\x07\0\1\x18\0\xc0\0\2"  # RFC 7871: 192.0.2.0/24
    cookie = b"\0\x0a\0\x08abcdefgh"

    async def story() -> None:
        async with asking(server) as upstreams:
            await answer(upstreams, "example.org", edns=subnet + cookie)
            await answer(upstreams, "example.org")
            await answer(upstreams, "example.org", dnssec=True)

    with FakeUpstream() as server:
        run(story())
        options = [asked.record.ar[0] for asked in server.asked]
        assert [option.rclass for option in options] == [1232, 1232, 1232]
        assert [option.rdata for option in options] == [[], [], []]
        assert [option.edns_do for option in options] == [0, 0, 1]
        assert all(len(asked.record.ar) == 1 for asked in server.asked)


def test_recursion_is_wished_for_and_of_the_askers_flags_only_checking_disabled_is_passed_on() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            message = bytearray(query("example.org"))
            message[2], message[3] = 0x01, 0x10  # CD: do not check
            await answer_bytes(upstreams, bytes(message), "example.org")
            message[2], message[3] = 0x05, 0x40  # AA and Z make no sense in a question
            await answer_bytes(upstreams, bytes(message), "example.org")

    with FakeUpstream() as server:
        run(story())
        assert [asked.message[2:4] for asked in server.asked] == [b"\x01\x30", b"\x01\x20"]


def test_ids_ports_and_case_differ_from_question_to_question() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for _ in range(40):
                assert await answer(upstreams, "a-rather-long-name-of-many-letters.example.org")

    with FakeUpstream() as server:
        run(story())
        assert len({asked.record.header.id for asked in server.asked}) > 30
        assert len({asked.written for asked in server.asked}) == 40
        assert len({asked.peer[1] for asked in server.asked}) > 1


def test_a_port_is_given_up_after_some_hundred_questions() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for _ in range(12):
                await asyncio.gather(*(answer(upstreams, f"n{n}.example.org") for n in range(200)))

    with FakeUpstream() as server:
        run(story())
        assert len({asked.peer[1] for asked in server.asked}) > 4


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    many = [f"192.0.2.{n}" for n in range(1, 250)]

    async def story() -> None:
        async with asking(server) as upstreams:
            record = await answer(upstreams, "many.example.org")
            assert addresses(record) == many
            assert record is not None
            assert not record.header.tc

    with FakeUpstream(behave=fake.truncated_over_udp, records={("many.example.org", "A"): many}) as server:
        run(story())
        assert [asked.transport for asked in server.asked] == ["udp", "tcp"]


def test_answers_of_64_kilobytes_arrive_whole() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            record = await answer(upstreams, "huge.example.org", "TXT")
            assert record is not None
            assert len(record.rr) == 240

    texts = [f'"{n:04d}{"x" * 250}"' for n in range(240)]
    with FakeUpstream(behave=fake.truncated_over_udp, records={("huge.example.org", "TXT"): texts}) as server:
        run(story())


def test_several_questions_share_one_tcp_connection() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            records = await asyncio.gather(*(answer(upstreams, f"n{n}.example.org") for n in range(50)))
            assert all(addresses(record) == [fake.DEFAULT_ADDRESS] for record in records)

    with FakeUpstream(behave=fake.truncated_over_udp) as server:
        run(story())
        assert server.connections == 1


def test_answers_under_wrong_ids_are_passed_over_and_counted() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            assert addresses(await answer(upstreams, "example.org")) == [fake.DEFAULT_ADDRESS]
            assert upstreams.states()[0].counts.mismatches == 5

    with FakeUpstream(behave=fake.spoofed_before(5)) as server:
        run(story())
        assert len(server.asked) == 1


def test_a_port_under_a_hail_of_wrong_answers_is_left_for_tcp() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            assert addresses(await answer(upstreams, "example.org")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=fake.spoofed_before(50)) as server:
        run(story())
        assert [asked.transport for asked in server.asked] == ["udp", "tcp"]


def test_an_answer_to_another_question_is_never_believed() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=0.05) as upstreams:
            assert await answer(upstreams, "example.org") is None
            assert upstreams.states()[0].counts.mismatches >= 1

    with FakeUpstream(behave=fake.about_another_name) as server:
        run(story())


def test_a_second_answer_to_the_same_question_is_counted_as_late() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            await answer(upstreams, "example.org")
            while not upstreams.states()[0].counts.late:
                await asyncio.sleep(0)

    with FakeUpstream(behave=fake.twice) as server:
        run(story())


def test_a_server_that_loses_the_case_of_names_is_asked_over_tcp_at_first_and_then_taken_as_it_is() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"some-longer-name-{n}.example.org"))

    with FakeUpstream(behave=fake.in_lower_case) as server:
        run(story())
        assert [asked.transport for asked in server.asked] == ["udp", "tcp"] * 3 + ["udp"] * 3


def test_where_tcp_proves_that_case_is_kept_spoofed_answers_never_turn_it_off() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"some-longer-name-{n}.example.org"))

    with FakeUpstream(behave=fake.lower_case_over_udp) as server:
        run(story())
        assert [asked.transport for asked in server.asked] == ["udp", "tcp"] * 6
        assert any(asked.written != asked.name for asked in server.asked[-2:])


def test_a_server_that_loses_case_and_speaks_no_tcp_answers_in_the_end() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            assert addresses(await answer(upstreams, "some-longer-name.example.org"))

    with FakeUpstream(behave=fake.in_lower_case, speaks_tcp=False) as server:
        run(story())


def test_a_truncated_answer_without_tcp_is_asked_of_the_next_server_at_once() -> None:
    async def story() -> None:
        async with asking(cut, whole, retry_seconds=30.0) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=fake.truncated_over_udp, speaks_tcp=False) as cut, FakeUpstream() as whole:
        run(story())
        assert whole.asked


def test_a_server_from_before_edns_is_asked_without_it_after_a_few_questions() -> None:
    """RFC 6891, section 7."""

    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(5):
                assert addresses(await answer(upstreams, f"n{n}.example.org"))

    with FakeUpstream(behave=fake.without_edns) as server:
        run(story())
        assert [len(asked.record.ar) for asked in server.asked] == [1, 0] * 3 + [0, 0]


def test_a_question_that_a_server_does_not_understand_says_nothing_about_edns() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for _ in range(5):
                record = await answer(upstreams, "strange.example.org")
                assert record is None or record.header.rcode
            server.behave = fake.honest
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=fake.failing(1)) as server:
        run(story())
        assert len(server.asked[-1].record.ar) == 1


@pytest.mark.parametrize("seed", range(8))
def test_garbage_from_a_server_does_no_harm(seed: int) -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            pending = [
                asyncio.ensure_future(answer_bytes(upstreams, query("example.org"), "example.org"))
                for _ in range(50)
            ]
            while len(server.asked) < 50:
                await asyncio.sleep(0.01)
            server.behave = fake.honest
            for given in await asyncio.gather(*pending):
                assert given is None or given[12:].lower().startswith(b"\7example\3org\0")
            assert addresses(await answer(upstreams, "example.net"))

    with FakeUpstream(behave=fake.garbage(seed)) as server:
        run(story())


def test_names_with_unusual_bytes_are_asked_as_they_are() -> None:
    def repeating(asked: fake.ReceivedQuery, _: bytes) -> list[fake.Reply]:
        return [fake.Reply(asked.message[:2] + b"\x81\x80" + asked.message[4:])]

    async def story() -> None:
        async with asking(server) as upstreams:
            label = b"a\0b.c"
            question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\7example\3org\0\0\1\0\1"
            given = await answer_bytes(upstreams, question, r"a\000b\046c.example.org")
            assert given is not None
            assert given[12 : len(question)].lower() == question[12:].lower()

    with FakeUpstream(behave=repeating) as server:
        run(story())


def test_an_upstream_on_ipv6_answers() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))
            assert isinstance(await answer(upstreams, "example.org", "AAAA"), dnslib.DNSRecord)

    with FakeUpstream(host="::1") as server:
        run(story())
