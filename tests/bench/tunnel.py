"""How often tunnel detection hits and misses, on made-up traces: `python -m tests.bench.tunnel`.

Tunnels: each encoding, length, rate and type, ten devices for ten minutes, and once more as stubs ask. Innocent
traces: each kind, fifty devices for an hour. The tables stand in docs/policy.md as they are printed; a test holds
those of the tunnels.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from random import Random

from dns.policy.tunnel import HALF_WINDOW_SECONDS, TunnelDetector
from tests.fakes import traces

DEVICES, SECONDS = 10, 600.0
INNOCENT_DEVICES, INNOCENT_SECONDS = 50, 3600.0
RATES = (0.2, 1.0, 5.0, 10.0, 20.0)
LETTERS = (10, 24, 38, 60, 180)
STUB_LETTERS = 38
AGAIN_SECONDS = 60.0  # a time to live

# How each name is asked: the types, and when again.
MANNERS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    **{stub: (types, ()) for stub, types in traces.STUBS.items()},
    **{f"{stub}, retried twice": (types, traces.RETRIES) for stub, types in traces.STUBS.items()},
    "A+AAAA, again after a minute": ((traces.A, traces.AAAA), (AGAIN_SECONDS,)),
}


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def found_after(trace: traces.Trace, began: float = 0.0) -> float | None:
    """Return the seconds until the first finding; None where there is none."""
    detector = TunnelDetector()
    for now, name, qtype in trace:
        if detector.observe_query("192.0.2.10", name, qtype, began + now) is not None:
            return now
    return None


def times(
    encoding: str, letters: int, qtype: int, rate: float, *, manner: str = "", seconds: float = SECONDS
) -> Iterator[float | None]:
    """Yield for each device the seconds until it was found. They begin at different seconds of a window."""
    for seed in range(DEVICES):
        trace = traces.tunnel(
            Random(seed), encoding, per_second=rate, letters=letters, qtype=qtype, seconds=seconds
        )
        if manner:
            types, again = MANNERS[manner]
            trace = traces.asked_by_stub(trace, types, again)
        yield found_after(trace, HALF_WINDOW_SECONDS * seed / DEVICES)


def cell(encoding: str, letters: int, qtype: int, rate: float) -> str:
    """Return the median of the seconds, and the share of devices found where some were not."""
    return _describe(list(times(encoding, letters, qtype, rate)))


def _describe(after: list[float | None]) -> str:
    found = [one for one in after if one is not None]
    if not found:
        return "—"
    share = "" if len(found) == len(after) else f"{len(found) * 100 // len(after)} %, "
    return f"{share}{statistics.median(found):.0f} s"


def rows(rates: tuple[float, ...] = RATES) -> Iterator[str]:
    """Yield the lines of the table of tunnels: a cell for types of addresses, and one for TXT."""
    for letters in LETTERS:
        for encoding in traces.ENCODINGS:
            cells = (
                f"{cell(encoding, letters, traces.A, rate)} / {cell(encoding, letters, traces.TXT, rate)}"
                for rate in rates
            )
            yield f"| {letters}, {encoding} | " + " | ".join(cells) + " |"


def tunnels() -> None:
    say(f"tunnels: {DEVICES} devices, {SECONDS / 60:.0f} minutes each; found after (median), A / TXT\n")
    say("| letters in a name | " + " | ".join(f"{rate:g} names/s" for rate in RATES) + " |")
    say("|---|" + "---|" * len(RATES))
    for row in rows():
        say(row)


def manners() -> Iterator[str]:
    """Yield the lines of the table of manners: how much later (at most) a tunnel is found that asks so."""
    for manner in MANNERS:
        later = []
        for rate in RATES[1:]:
            for encoding in traces.ENCODINGS:
                seconds = 400 / rate  # more than a tunnel of that rate needs
                alone = times(encoding, STUB_LETTERS, traces.A, rate, seconds=seconds)
                asked = times(encoding, STUB_LETTERS, traces.A, rate, manner=manner, seconds=seconds)
                for one, other in zip(alone, asked, strict=True):
                    if one is None or other is None:
                        raise SystemExit(f"{encoding} at {rate:g}/s, {manner}: not found")
                    later.append(other - one)
        yield f"| {manner} | {len(later)} of {len(later)} | {max(later):.1f} s |"


def stubs() -> None:
    say(f"\nas stubs ask, {STUB_LETTERS} letters, all encodings, {RATES[1]:g} to {RATES[-1]:g} names/s\n")
    say("| asked of each name | found | later than A alone, at most |\n|---|---|---|")
    for row in manners():
        say(row)


def hidden() -> None:
    """Show when tunnels are found that have twenty domains, or stand in a reverse zone."""
    say(f"\nother places, {STUB_LETTERS} letters, A+AAAA; in reverse zones PTR; found after (median)\n")
    rates = (RATES[1], RATES[2], RATES[4])
    say("| where, letters | " + " | ".join(f"{rate:g} names/s" for rate in rates) + " |\n|---|---|---|---|")
    for encoding in traces.ENCODINGS:
        say(f"| twenty domains, {encoding} | " + " | ".join(_cell_of(encoding, rate, 20) for rate in rates) + " |")
    for encoding in ("hex", "base32"):
        say(f"| a reverse zone, {encoding} | " + " | ".join(_cell_of(encoding, rate, 0) for rate in rates) + " |")


def _cell_of(encoding: str, rate: float, domains: int) -> str:
    """Return a cell; no domains: a reverse zone of IPv6, of nibbles where the letters are hexadecimal digits."""
    after = []
    for seed in range(DEVICES):
        trace = traces.tunnel(
            Random(seed),
            encoding,
            per_second=rate,
            letters=STUB_LETTERS if domains else 20,
            qtype=traces.PTR,
            seconds=SECONDS,
        )
        if domains:
            trace = traces.asked_by_stub(traces.spread(trace, domains), (traces.A, traces.AAAA))
        else:
            trace = traces.in_reverse_zone(trace, "e.f.a.c.8.b.d.0.5.0.0.2.ip6.arpa", nibbles=encoding == "hex")
        after.append(found_after(trace, HALF_WINDOW_SECONDS * seed / DEVICES))
    return _describe(after)


def innocent() -> None:
    say(f"\ninnocent: {INNOCENT_DEVICES} devices, {INNOCENT_SECONDS / 3600:.0f} hour each; false alarms\n")
    say("| trace | devices falsely reported | questions |\n|---|---|---|")
    for kind, make in traces.INNOCENT.items():
        devices = questions = 0
        for seed in range(INNOCENT_DEVICES):
            trace = list(make(Random(seed), INNOCENT_SECONDS))
            questions += len(trace)
            devices += found_after(iter(trace)) is not None
        say(f"| {kind} | {devices} of {INNOCENT_DEVICES} | {questions} |")


def price() -> None:
    say("\nprice: processor time for each question\n\n| questions | each |\n|---|---|")
    every = {
        "ordinary browsing": list(traces.browsing(Random(1), 36000.0)),
        "a tunnel, 60 letters of base32, A+AAAA": list(
            traces.asked_by_stub(
                traces.tunnel(
                    Random(1), "base32", per_second=20, letters=60, qtype=traces.A, seconds=INNOCENT_SECONDS / 2
                ),
                (traces.A, traces.AAAA),
            )
        ),
    }
    TunnelDetector().observe_query(
        "192.0.2.10", "a.example.net", traces.A, 0.0
    )  # reads the list of public suffixes
    for what, trace in every.items():
        detector = TunnelDetector()
        began = time.process_time()
        for now, name, qtype in trace:
            detector.observe_query("192.0.2.10", name, qtype, now)
        say(f"| {what} | {(time.process_time() - began) / len(trace) * 1e6:.1f} µs |")


if __name__ == "__main__":
    tunnels()
    stubs()
    hidden()
    innocent()
    price()
