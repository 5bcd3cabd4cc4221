"""Tunnels are noticed however they ask, innocent names of the same looks are not, and memory stays bounded."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.message.names import labels_to_text
from dns.policy.payload import information_bits, payload_of, split_payload
from dns.policy.tunnel import (
    FORGOTTEN_AT_ONCE,
    HALF_WINDOW_SECONDS,
    LATE_SECONDS,
    MAX_PAIRS,
    MAX_PAYLOADS,
    PAYLOADS_IN_ALL,
    TunnelDetector,
)
from dns.policy.tunnel_values import TunnelFinding
from tests.fakes import traces
from tests.fakes.traces import AAAA, HTTPS, RETRIES, STUBS, TXT, A, asked_by_stub

DEVICE = "192.0.2.10"
TYPES = st.lists(st.sampled_from([A, AAAA, HTTPS, 2, 6, 43, 48, 64]), min_size=1, max_size=5).map(tuple)
WAITS = st.lists(st.floats(0.0, 30.0), max_size=4).map(tuple)


def findings(trace: traces.Trace, detector: TunnelDetector | None = None) -> list[TunnelFinding]:
    detector = detector or TunnelDetector()
    found = (detector.observe_query(DEVICE, name, qtype, now) for now, name, qtype in trace)
    return [finding for finding in found if finding is not None]


def first(trace: traces.Trace) -> tuple[float, str] | None:
    """Return when something is found first, and under which domain."""
    detector = TunnelDetector()
    for now, name, qtype in trace:
        if (finding := detector.observe_query(DEVICE, name, qtype, now)) is not None:
            return now, finding.parent
    return None


def tunnel(
    seed: int, *, per_second: float = 10, letters: int = 38, seconds: float = 60, encoding: str = "base32"
) -> traces.Trace:
    return traces.tunnel(Random(seed), encoding, per_second=per_second, letters=letters, qtype=A, seconds=seconds)


@pytest.mark.parametrize("encoding", traces.ENCODINGS)
@pytest.mark.parametrize(
    ("rate", "letters", "qtype"), [(1, 60, traces.A), (5, 180, traces.A), (0.5, 40, traces.TXT)]
)
def test_a_tunnel_is_noticed_whatever_it_is_written_in(
    encoding: str, rate: float, letters: int, qtype: int
) -> None:
    trace = traces.tunnel(Random(1), encoding, per_second=rate, letters=letters, qtype=qtype, seconds=300)

    (finding,) = findings(trace)
    assert (finding.device, finding.parent) == (DEVICE, "example.net")
    assert finding.parents == ("example.net",)
    assert "under example.net" in finding.evidence()[0]


@pytest.mark.parametrize("again", [(), RETRIES])
@pytest.mark.parametrize("types", STUBS.values(), ids=STUBS)
@pytest.mark.parametrize("encoding", traces.ENCODINGS)
def test_a_tunnel_that_asks_as_a_stub_does_is_noticed_within_half_a_minute(
    encoding: str, types: tuple[int, ...], again: tuple[float, ...]
) -> None:
    found = first(asked_by_stub(tunnel(1, encoding=encoding), types, again))

    assert found is not None
    assert found[0] < 30
    assert found[1] == "example.net"


@given(st.integers(0, 99), st.sampled_from(list(traces.ENCODINGS)), st.sampled_from([5.0, 20.0]), TYPES, WAITS)
def test_neither_types_nor_retries_change_when_a_tunnel_is_noticed(
    seed: int, encoding: str, rate: float, types: tuple[int, ...], again: tuple[float, ...]
) -> None:
    def trace() -> traces.Trace:
        return tunnel(seed, per_second=rate, seconds=600 / rate, encoding=encoding)

    assert first(asked_by_stub(trace(), types, again)) == first(trace())


@given(st.integers(0, 99), st.sampled_from([A, AAAA, TXT, HTTPS, 255]), st.data())
def test_neither_asking_again_nor_asking_for_other_names_hides_a_tunnel(
    seed: int, qtype: int, data: st.DataObject
) -> None:
    questions = list(tunnel(seed, per_second=1, letters=60, seconds=300))
    alone = first(iter(questions))
    mixed = list(questions)
    for at in data.draw(st.lists(st.integers(0, len(questions) - 1), max_size=60)):
        now, name, _ = questions[at]
        mixed.append((now + data.draw(st.floats(0.0, 900.0)), name, qtype))
        mixed.append((now, f"{'a' * data.draw(st.integers(1, 63))}.www{at}.example.net", qtype))
    disguised = first(iter(sorted(mixed)))

    assert alone is not None
    assert disguised is not None
    assert disguised[0] <= alone[0]


@pytest.mark.parametrize("after", [60.0, HALF_WINDOW_SECONDS - 1, HALF_WINDOW_SECONDS + 1])
def test_a_tunnel_that_repeats_its_names_when_their_time_to_live_is_over_is_noticed_as_soon(after: float) -> None:
    def trace() -> traces.Trace:
        return tunnel(2, per_second=1, seconds=600)

    assert first(asked_by_stub(trace(), (A, AAAA), (after,))) == first(trace())


def test_names_that_come_back_as_their_time_to_live_ends_are_new_once() -> None:
    names = [f"{Random(at).randbytes(20).hex()}.things.example" for at in range(200)]
    often = ((minute * 60.0 + at / 10, name, A) for minute in range(60) for at, name in enumerate(names))

    assert not findings(often)


@pytest.mark.parametrize("encoding", traces.ENCODINGS)
@pytest.mark.parametrize(("rate", "within"), [(1, 600), (5, 160), (20, 40)])
def test_a_tunnel_that_is_spread_over_twenty_domains_is_noticed(encoding: str, rate: float, within: float) -> None:
    trace = traces.tunnel(Random(1), encoding, per_second=rate, letters=38, qtype=A, seconds=within)

    found = findings(traces.asked_by_stub(traces.spread(trace, 20), (A, AAAA, HTTPS)))
    assert len(found) == 1
    assert sorted(found[0].parents) == sorted(f"example{number}.net" for number in range(20))
    assert "under 20 domains: example" in found[0].evidence()[0]


def test_one_that_was_found_alone_is_not_found_again_among_others() -> None:
    detector = TunnelDetector()
    (alone,) = findings(tunnel(1), detector)
    few = ((70.0 + at, f"{Random(at).randbytes(12).hex()}.site{at % 30}.example", A) for at in range(200))

    assert alone.others == ()
    assert not findings(few, detector)


@pytest.mark.parametrize(
    "zone",
    [
        "e.f.a.c.8.b.d.0.5.0.0.2.ip6.arpa",  # nibbles, as addresses have them
        "113.0.44.198.in-addr.arpa",
        "8.b.d.0.5.0.0.2.ip6.arpa",
    ],
)
def test_rfc1035_3_5_a_tunnel_in_a_reverse_zone_is_noticed(zone: str) -> None:
    encoding = "hex" if zone.endswith("ip6.arpa") else "base32"
    made = traces.tunnel(Random(1), encoding, per_second=10, letters=20, qtype=traces.PTR, seconds=100)

    (finding,) = findings(traces.in_reverse_zone(made, zone, nibbles=encoding == "hex"))
    assert finding.parent in {"8.b.d.0.5.0.0.2.ip6.arpa", "44.198.in-addr.arpa"}


def test_a_sweep_of_a_network_is_no_tunnel() -> None:
    sweep = ((at / 20, f"{at % 256}.{at // 256}.44.198.in-addr.arpa", traces.PTR) for at in range(8000))

    assert not findings(sweep)


def test_reverse_zones_that_never_leave_the_room_carry_nothing() -> None:
    names = (f"{'.'.join(Random(at).randbytes(15).hex())}.d.f.ip6.arpa" for at in range(3000))

    assert not findings((at / 10, name, traces.PTR) for at, name in enumerate(names))


@pytest.mark.parametrize("qtype", [TXT, traces.NULL, 5, 15, 33, traces.PTR, 16, 25, 99, 255, 65399])
def test_a_tunnel_of_any_type_with_room_for_data_is_noticed_sooner(qtype: int) -> None:
    trace = traces.tunnel(Random(1), "base32", per_second=1, letters=38, qtype=qtype, seconds=60)

    assert len(findings(trace)) == 1


def test_payloads_are_still_known_when_the_half_window_turns_over() -> None:
    detector = TunnelDetector()
    names = [f"{Random(at).randbytes(10).hex()}.things.example" for at in range(250)]
    for half in range(6):
        for name in names:
            detector.observe_query(DEVICE, name, A, half * HALF_WINDOW_SECONDS + 299.0)
    pair = detector._pairs[DEVICE, "things.example"]  # its memory is the subject

    assert pair.current.names == pair.previous.names == 0
    assert len(pair.current.payloads) == len(names)


def test_one_record_of_many_answers_is_one_name() -> None:
    detector = TunnelDetector()
    found = [detector.observe_query(DEVICE, name, qtype, now, count=40) for now, name, qtype in tunnel(3)]
    (finding,) = [one for one in found if one is not None]

    assert finding.questions == 40 * finding.distinct


def test_a_name_in_other_case_or_in_other_labels_carries_what_its_letters_do() -> None:
    upper = labels_to_text((b"MFRGGZDFMZTWQ2LK", b"t", b"Example", b"NET"))
    split_up = labels_to_text((b"mfrg", b"gzdfmz", b"twq2lk", b"t", b"example", b"net"))

    assert payload_of(upper) == payload_of("mfrggzdfmztwq2lk.t.example.net")
    assert payload_of(split_up).bits == payload_of(upper).bits
    assert payload_of(split_up).mark != payload_of(upper).mark  # dots carry something too


def test_raw_octets_are_counted_as_octets_and_not_as_they_are_written() -> None:
    name = labels_to_text((bytes(range(32)), b"example", b"net"))

    assert (payload_of(name).octets, payload_of(name).bits) == (32, 160)


def test_padding_carries_nothing() -> None:
    padded = (f"{'a' * 50}{number:03}.example.net" for number in range(300))

    assert not findings((at / 10, name, A) for at, name in enumerate(padded))


def test_roomy_types_count_once_for_a_name_whatever_else_is_asked_of_it_before_or_after() -> None:
    names = [name for _, name, _ in tunnel(4, seconds=3)]
    orders: list[tuple[int, ...]] = [(TXT,), (TXT, A, AAAA), (A, AAAA, HTTPS, TXT), (A, TXT, TXT, 10), (255, A)]
    found = [
        findings((float(at), name, qtype) for at, name in enumerate(names) for qtype in order) for order in orders
    ]

    assert {len(one) for one in found} == {1}
    assert len({(one.first, one.distinct, one.roomy_share > 0.9) for (one,) in found}) == 1


def test_a_search_domain_hides_nothing_and_is_left_alone_where_the_school_names_it() -> None:
    detector = TunnelDetector(exempt=("school.example",))
    found = findings(traces.searched(tunnel(5), "school.example"), detector)

    assert [finding.parent for finding in found] == ["example.net"]


def test_sites_under_a_public_suffix_are_not_taken_for_one_domain() -> None:
    names = (f"{Random(at).randbytes(12).hex()}.github.io" for at in range(2000))

    assert not findings((at / 20, name, A) for at, name in enumerate(names))


@pytest.mark.parametrize("kind", [kind for kind in traces.INNOCENT if kind != "antivirus, unknown"])
def test_innocent_names_of_the_same_looks_raise_no_alarm(kind: str) -> None:
    assert not findings(traces.INNOCENT[kind](Random(2), 1800.0))


def test_a_name_that_the_school_knows_to_carry_data_is_left_alone() -> None:
    trace = traces.antivirus(Random(3), 1800.0, "av.example")

    assert not findings(trace, TunnelDetector(exempt=("av.example",)))


def test_a_tunnel_is_reported_once_for_its_window_and_again_when_it_goes_on() -> None:
    trace = traces.tunnel(Random(4), "hex", per_second=2, letters=60, qtype=traces.TXT, seconds=1500)

    assert len(findings(trace)) == 3


def test_two_devices_are_not_taken_for_one() -> None:
    detector = TunnelDetector()
    trace = traces.tunnel(Random(5), "hex", per_second=0.05, letters=60, qtype=traces.TXT, seconds=600)
    found = [
        detector.observe_query(f"192.0.2.{at % 3}", name, qtype, now)
        for at, (now, name, qtype) in enumerate(trace)
    ]

    assert not any(found)


def test_a_clock_that_jumps_begins_a_new_window() -> None:
    detector = TunnelDetector()
    trace = list(traces.tunnel(Random(6), "hex", per_second=1, letters=60, qtype=traces.TXT, seconds=15))

    for shift in (1e9, 0.0, 2e9, 5e8):
        assert not findings(((now + shift, name, qtype) for now, name, qtype in trace), detector)


@pytest.mark.parametrize("late", [1.0, LATE_SECONDS])
def test_a_question_that_is_handed_over_late_loses_nothing(late: float) -> None:
    detector = TunnelDetector()
    began = HALF_WINDOW_SECONDS - 10.0
    trace = list(tunnel(7, seconds=20))
    in_time, turned = trace[: len(trace) // 2], trace[len(trace) // 2 :]
    found = findings(((began + now, name, qtype) for now, name, qtype in in_time), detector)
    detector.observe_query(DEVICE, "first.of.the.next.half.example.net", A, HALF_WINDOW_SECONDS)
    detector.observe_query(DEVICE, "late.words.of.another.worker.example.net", A, HALF_WINDOW_SECONDS - late)
    found += findings(((began + now + 5, name, qtype) for now, name, qtype in turned), detector)

    pair = detector._pairs[DEVICE, "example.net"]  # its memory is the subject
    assert pair.previous.names + pair.current.names == len(trace) + 2


def test_memory_is_bounded_in_pairs_and_in_payloads() -> None:
    detector = TunnelDetector()
    for number in range(MAX_PAIRS + 100):
        detector.observe_query(DEVICE, f"some-words.parent{number}.example", 1, 0.0)
    assert len(detector._pairs) == MAX_PAIRS  # its memory is the subject

    for number in range(MAX_PAYLOADS * 3):
        detector.observe_query(DEVICE, f"payload{number}.last.example", 1, 0.0)
    pair = detector._pairs[DEVICE, "last.example"]
    assert MAX_PAYLOADS <= len(pair.current.payloads) <= MAX_PAYLOADS + FORGOTTEN_AT_ONCE


def test_memory_is_bounded_over_all_devices_and_windows() -> None:
    detector = TunnelDetector()
    for number in range(PAYLOADS_IN_ALL * 2):
        detector.observe_query(f"device {number % 150}", f"payload{number}.example.net", 1, number / 200)

    kept = sum(len(pair) for pair in detector._pairs.values())
    assert kept == detector._payloads <= PAYLOADS_IN_ALL


def test_names_that_could_carry_nothing_take_no_memory() -> None:
    detector = TunnelDetector()
    for name in ("example.org", "www.example.org", "static.bbc.co.uk", "co.uk", "single", ""):
        assert detector.observe_query(DEVICE, name, A, 0.0) is None

    assert not detector._pairs


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.b.example.org", ("example.org", "ab")),
        ("example.org", ("example.org", "")),
        ("data.example.co.uk", ("example.co.uk", "data")),
        ("co.uk", ("co.uk", "")),
        ("a.bbc.example", ("bbc.example", "a")),
        ("data.pupil.github.io", ("pupil.github.io", "data")),
        ("github.io", ("github.io", "")),
        ("a.b.unlisted-domain.corp", ("unlisted-domain.corp", "ab")),
        ("single", ("single", "")),
        ("", ("", "")),
    ],
)
def test_the_parent_is_what_somebody_registers(name: str, parts: tuple[str, str]) -> None:
    assert split_payload(name) == parts


def test_entropy_is_counted_in_bits_a_letter() -> None:
    assert information_bits("aaaa") == 0
    assert information_bits("abba") == 4
    assert information_bits("0123456789abcdef") == 64
    assert information_bits("") == 0
