"""How often tunnel detection hits and misses, on made-up traces: `python -m tests.bench.tunnel`.

Tunnels: each encoding, rate, length and type, ten devices for ten minutes. Innocent traces: each kind, fifty
devices for an hour. The figures stand in docs/policy.md.
"""

import sys
import time
from random import Random

from dns.policy.tunnel import Finding, TunnelDetector
from tests.fakes import traces

DEVICES, MINUTES = 10, 10
INNOCENT_DEVICES, INNOCENT_SECONDS = 50, 3600.0
RATES = (0.05, 0.2, 1.0, 5.0, 20.0)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def first_finding(trace: traces.Trace) -> tuple[Finding, float] | None:
    detector = TunnelDetector()
    for now, name, qtype in trace:
        finding = detector.seen("192.0.2.10", name, qtype, now)
        if finding is not None:
            return finding, now
    return None


def tunnels() -> None:
    say(f"tunnels: {DEVICES} devices, {MINUTES} minutes each; found, and after how many seconds (median)")
    say(f"{'':26}" + "".join(f"{f'{rate:g}/s':>14}" for rate in RATES))
    for encoding in traces.ENCODINGS:
        for letters in (24, 60, 180):
            for qtype, label in ((traces.A, "A"), (traces.TXT, "TXT")):
                cells = [cell(encoding, letters, qtype, rate) for rate in RATES]
                say(f"{f'{encoding}, {letters} letters, {label}':26}" + "".join(f"{one:>14}" for one in cells))


def cell(encoding: str, letters: int, qtype: int, rate: float) -> str:
    found = []
    for seed in range(DEVICES):
        trace = traces.tunnel(
            Random(seed), encoding, per_second=rate, letters=letters, qtype=qtype, seconds=MINUTES * 60
        )
        finding = first_finding(trace)
        if finding is not None:
            found.append(finding[1])
    after = f" {sorted(found)[len(found) // 2]:.0f} s" if found else ""
    return f"{len(found) * 100 // DEVICES} %{after}"


def innocent() -> None:
    say(f"\ninnocent: {INNOCENT_DEVICES} devices, {INNOCENT_SECONDS / 3600:.0f} hour each; false alarms")
    for kind, make in traces.INNOCENT.items():
        devices = questions = 0
        for seed in range(INNOCENT_DEVICES):
            trace = list(make(Random(seed), INNOCENT_SECONDS))
            questions += len(trace)
            devices += first_finding(iter(trace)) is not None
        say(f"{kind:26}{devices:>4} of {INNOCENT_DEVICES} devices ({questions} questions)")


def price() -> None:
    trace = list(traces.browsing(Random(1), 36000.0))
    detector = TunnelDetector()
    began = time.perf_counter()
    for now, name, qtype in trace:
        detector.seen("192.0.2.10", name, qtype, now)
    each = (time.perf_counter() - began) / len(trace) * 1e6
    say(f"\n{each:.1f} µs a question ({len(trace)} questions of ordinary browsing)")


if __name__ == "__main__":
    tunnels()
    innocent()
    price()
