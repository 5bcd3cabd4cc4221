"""The law of the fast path: it gives nothing, or byte for byte what the chain would give."""

import select
import socket
from collections.abc import Callable, Iterator

import dnslib
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from dns.server.udp import KEPT_SLICES, LONG_LOG_ENTRIES, UdpListener, open_udp_socket
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, InTest, handed_over, question


class AtOnce:
    """A loop that does not put anything off."""

    def call_soon(self, what: Callable[[], None]) -> None:
        what()


class Wire:
    """A real socket pair: what a device sends, and what it gets."""

    def __init__(self, room: InTest, host: str = PUPIL) -> None:
        self.server = open_udp_socket(host, 0)
        self.listener = UdpListener(self.server, room.resolver, AtOnce())  # type: ignore[arg-type]  # all it asks of a loop
        self.device = socket.socket(self.server.family, socket.SOCK_DGRAM)
        self.device.bind((host, 0))
        self.device.connect(self.server.getsockname())
        self.device.settimeout(10)

    def ask(self, packet: bytes) -> bytes:
        self.put(packet)
        return self.device.recv(4096)

    def put(self, *packets: bytes) -> None:
        for packet in packets:
            self.device.send(packet)
        assert select.select([self.server], [], [], 10)[0]
        self.listener._receive_batches()

    def close(self) -> None:
        self.server.close()
        self.device.close()


NAMES = (
    "a.example",
    "A.example",
    "www.bets.example",
    "search.example",
    "none.example",
    "short.example",
    "hop.example",
)
# Few enough that each is asked again and again within one run, or there would be nothing to replay.
PACKETS = (
    *(question(name) for name in NAMES),
    question("a.example", edns=None),
    question("a.example", dnssec=True),
    question("a.example", flags=0x20),
    question("a.example", edns=b"\0\x0a\0\x0812345678"),
    question("www.bets.example", "AAAA"),
    question("www.bets.example", "MX"),
    question("a.example", "ANY"),
)
OPENED = ("bets.example", "a.example", "hop.example")


def test_a_long_log_is_counted_before_the_tick_and_the_rate_limit_knows_of_it() -> None:
    room = InTest(rate_limit=LONG_LOG_ENTRIES + 20)
    wire = Wire(room)
    try:
        packet = question("a.example")
        for _ in range(2):
            wire.ask(packet)  # from the second time on it is replayed
        client = room.client()
        answered = 2
        while not dnslib.DNSRecord.parse(wire.ask(packet)).header.tc:
            answered += 1
            assert len(client.log) < LONG_LOG_ENTRIES
        assert answered == LONG_LOG_ENTRIES + 20
        assert (
            sum(record.count for record in room.records() if record.name == "a.example") == LONG_LOG_ENTRIES + 20
        )
    finally:
        wire.close()


class FastPath(RuleBasedStateMachine):
    """A device asks while time passes, the policy changes and upstreams say other things."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = FakePolicy(blocked={"bets.example"}, rewritten={"search.example": "safe.example"})
        self.room = InTest(self.policy)
        self.wire = Wire(self.room)
        self.room.upstream.records["short.example", "A"] = ["short.example. 3 IN A 192.0.2.8"]
        self.room.upstream.records["none.example", "A"] = []
        self.room.upstream.records["hop.example", "A"] = [
            "hop.example. 40 IN CNAME a.example.",
            "a.example. 20 IN A 192.0.2.9",
        ]

    def teardown(self) -> None:
        self.wire.close()

    @rule(packets=st.lists(st.sampled_from(PACKETS), min_size=4, max_size=16))
    def a_device_asks(self, packets: list[bytes]) -> None:
        log = self.room.client().log
        for packet in packets:
            before = len(log)
            sent = self.wire.ask(packet)
            if len(log) > before:
                (expected,) = self.room.send(packet)
                assert sent == expected, f"{dnslib.DNSRecord.parse(sent)}\n{dnslib.DNSRecord.parse(expected)}"

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.5, 7.0, 30.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.room.clock.now += seconds
        self.room.resolver.tick(self.room.clock.now, seconds)

    @rule(name=st.sampled_from(OPENED), seconds=st.sampled_from([5.0, 20.5, 1000.0]), told=st.booleans())
    def something_is_opened(self, name: str, seconds: float, told: bool) -> None:
        opened = {**self.policy.unblocked, name: self.room.clock.now + seconds}
        self.follow(
            FakePolicy(self.policy.blocked, self.policy.rewritten, unblocked=opened), [name] if told else None
        )

    @rule(name=st.sampled_from(OPENED), told=st.booleans())
    def something_is_closed(self, name: str, told: bool) -> None:
        refused = self.policy.blocked ^ {name}
        unblocked = dict(self.policy.unblocked)
        self.follow(FakePolicy(refused, self.policy.rewritten, unblocked=unblocked), [name] if told else None)

    def follow(self, policy: FakePolicy, changed: list[str] | None) -> None:
        policy.changed = changed
        self.policy = policy
        self.room.resolver.replace_policy(policy)


TestFastPath = FastPath.TestCase
TestFastPath.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture
def room() -> InTest:
    return InTest(FakePolicy(blocked={"bets.example"}))


@pytest.fixture(params=["127.0.0.1", "::1"])
def wire(room: InTest, request: pytest.FixtureRequest) -> Iterator[Wire]:
    wire = Wire(room, request.param)
    yield wire
    wire.close()


def test_what_was_asked_before_is_replayed_and_counted(room: InTest, wire: Wire) -> None:
    host = wire.device.getsockname()[0]
    for _ in range(5):
        assert dnslib.DNSRecord.parse(wire.ask(question("example.org"))).rr[0].ttl == 300
    assert len(room.client(host).log) == 3  # the first asked the upstream, the second the cache
    assert len(room.upstream.asked) == 1
    assert sum(record.count for record in room.records()) == 5


def test_a_batch_of_known_and_new_and_hopeless_questions_gets_every_answer_once(room: InTest, wire: Wire) -> None:
    wire.ask(question("known.example"))
    packets = []
    for number in range(60):
        name = ("known.example", f"new{number}.example", "bets.example")[number % 3]
        packets.append(question(name, identity=number))
    packets.insert(30, b"hopeless")
    wire.put(*packets)
    wire.listener._receive_batches()
    got = sorted(int.from_bytes(wire.device.recv(4096)[:2], "big") for _ in range(60))
    assert got == list(range(60))


def test_a_refusal_that_is_replayed_does_not_wait_for_the_end_of_the_second() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    wire = Wire(room)
    try:
        for name in ("a.example", "bets.example"):
            for _ in range(3):  # from the third time on it is replayed
                wire.ask(question(name))
        room.resolver.tick(room.clock.now, 0.05)
        records = handed_over(room.query_log)
        wire.ask(question("a.example"))
        assert room.client().has_replayed_block is False
        wire.ask(question("bets.example"))
        room.resolver.tick(room.clock.now + 0.05, 0.05)
        assert [(one.name, one.count) for one in records] == [("bets.example", 1)]
        assert room.client().has_replayed_block is False
    finally:
        wire.close()


def test_devices_that_ask_in_turn_get_each_its_own_answers_whatever_their_lengths(room: InTest) -> None:
    """Also of none or one octet, and longer than those whose places in the batch are kept."""
    wire = Wire(room)
    long = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.a.example"
    room.upstream.records[long, "A"] = [f"{long}. 300 A 192.0.2.{n}" for n in range(1, 21)]
    asked = [question(name) for name in ("a.example", long)] + [question(long, edns=b"\0\x09\0\x40" + bytes(64))]
    assert len(asked[2]) > KEPT_SLICES < len(wire.ask(asked[1]))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        other.bind(("127.0.0.2", 0))
        other.settimeout(10)
        for _ in range(3):
            for number, packet in enumerate(asked):
                for device, asker in enumerate((wire.device, other)):
                    identity = bytes((device, number))
                    for sent in (b"", b"x", identity + packet[2:]):
                        asker.sendto(sent, wire.server.getsockname())
            assert select.select([wire.server], [], [], 10)[0]
            wire.listener._receive_batches()
            for device, asker in enumerate((wire.device, other)):
                answers = [asker.recv(4096) for _ in asked]
                assert sorted(one[:2] for one in answers) == [bytes((device, n)) for n in range(3)]
                for one in answers:
                    (expected,) = room.send(one[:2] + asked[one[1]][2:], f"127.0.0.{device + 1}")
                    assert one == expected
    finally:
        other.close()
        wire.close()


def test_the_fast_path_keeps_to_a_device_s_limit(wire: Wire, room: InTest) -> None:
    room.resolver.clients.rate = 5
    truncated = [dnslib.DNSRecord.parse(wire.ask(question("example.org"))).header.tc for _ in range(8)]
    assert truncated == [0, 0, 0, 0, 0, 1, 1, 1]


def test_what_is_asked_with_a_cookie_is_never_replayed(wire: Wire, room: InTest) -> None:
    for _ in range(3):
        wire.ask(question("example.org", edns=b"\0\x0a\0\x0812345678"))
    assert room.client(wire.device.getsockname()[0]).log == []


def test_an_answer_leaves_from_the_address_that_was_asked_on_a_wildcard_socket_too(room: InTest) -> None:
    server = open_udp_socket("0.0.0.0", 0)
    listener = UdpListener(server, room.resolver, AtOnce())  # type: ignore[arg-type]  # all it asks of a loop
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.settimeout(10)
        asked = ("127.0.0.77", server.getsockname()[1])
        for _ in range(3):  # by an upstream, from memory, replayed
            device.sendto(question("example.org"), asked)
            assert select.select([server], [], [], 10)[0]
            listener._receive_batches()
            assert device.recvfrom(2048)[1] == asked


def test_a_flood_from_one_device_leaves_the_others_their_answers(room: InTest, wire: Wire) -> None:
    room.resolver.clients.rate = 50
    flood = [question(f"f{number}.example", identity=number) for number in range(1, 200)]
    wire.put(*flood)
    wire.listener._receive_batches()
    wire.listener._receive_batches()
    wire.listener._receive_batches()
    got = [wire.device.recv(2048) for _ in flood]
    assert sum(not answer[2] & 2 for answer in got) == 50  # the rest: "come back over TCP"
    assert room.ask("example.org", address="127.0.0.9").rr
