"""Tunnels are noticed, innocent names of the same looks are not, and memory stays bounded."""

from random import Random

import pytest

from dns.policy.tunnel import PAIRS, PAYLOADS, Finding, TunnelDetector, entropy, split
from tests.fakes import traces

DEVICE = "192.0.2.10"


def findings(trace: traces.Trace, detector: TunnelDetector | None = None) -> list[Finding]:
    detector = detector or TunnelDetector()
    found = (detector.seen(DEVICE, name, qtype, now) for now, name, qtype in trace)
    return [finding for finding in found if finding is not None]


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
    assert finding.rule().name == "example.net"
    assert "under example.net" in finding.evidence()[0]


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
    found = [detector.seen(f"192.0.2.{at % 3}", name, qtype, now) for at, (now, name, qtype) in enumerate(trace)]

    assert not any(found)


def test_a_clock_that_jumps_begins_a_new_window() -> None:
    detector = TunnelDetector()
    trace = list(traces.tunnel(Random(6), "hex", per_second=1, letters=60, qtype=traces.TXT, seconds=15))

    for shift in (1e9, 0.0, 2e9, 5e8):
        assert not findings(((now + shift, name, qtype) for now, name, qtype in trace), detector)


def test_memory_is_bounded_in_pairs_and_in_payloads() -> None:
    detector = TunnelDetector()
    for number in range(PAIRS + 100):
        detector.seen(DEVICE, f"x.parent{number}.example", 1, 0.0)
    assert len(detector._pairs) == PAIRS  # its memory is the subject

    for number in range(PAYLOADS * 3):
        detector.seen(DEVICE, f"x{number}.last.example", 1, 0.0)
    pair = detector._pairs[DEVICE, "last.example"]
    assert len(pair.filling.payloads) == PAYLOADS


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.b.example.org", ("example.org", "ab")),
        ("example.org", ("example.org", "")),
        ("data.example.co.uk", ("example.co.uk", "data")),
        ("co.uk", ("co.uk", "")),
        ("a.bbc.example", ("bbc.example", "a")),
        ("single", ("single", "")),
        ("", ("", "")),
    ],
)
def test_the_parent_is_what_somebody_registers(name: str, parts: tuple[str, str]) -> None:
    assert split(name) == parts


def test_entropy_is_counted_in_bits_a_letter() -> None:
    assert entropy(["aaaa"]) == 0
    assert entropy(["ab", "ba"]) == 1
    assert entropy(["0123456789abcdef"]) == 4
    assert entropy([]) == 0
