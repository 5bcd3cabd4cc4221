"""Made-up questions of devices: tunnels that carry data, and innocent names of the same looks.

A trace yields (second, name, type). Everything is drawn from a generator with a given seed: the same every time.
"""

import base64
import heapq
import string
from collections.abc import Callable, Iterator
from random import Random

from dns.message.constants import RecordType
from dns.message.names import labels_to_text

A, PTR, TXT = RecordType.A, RecordType.PTR, RecordType.TXT
AAAA, HTTPS, NULL = RecordType.AAAA, RecordType.HTTPS, RecordType.NULL

Asked = tuple[float, str, int]
Trace = Iterator[Asked]

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode(),
    "base32": lambda data: base64.b32encode(data).rstrip(b"="),
    "base64": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "raw": bytes,
}
# What a stub asks of each name: an old one, one of today, a browser of today.
STUBS: dict[str, tuple[int, ...]] = {"A": (A,), "A+AAAA": (A, AAAA), "A+AAAA+HTTPS": (A, AAAA, HTTPS)}
RETRIES = (5.0, 10.0)  # seconds after the first question: resolv.conf(5), two attempts and a second server
LABEL_OCTETS = 60
LETTERS = string.ascii_lowercase + string.digits


def tunnel(
    chance: Random,
    encoding: str,
    *,
    per_second: float,
    letters: int,
    qtype: int,
    seconds: float,
    parent: str = "t.example.net",
) -> Trace:
    """Yield the questions of a tunnel whose names carry `letters` of payload each."""
    encode = ENCODINGS[encoding]
    number, now = 0, 0.0
    while now < seconds:
        payload = encode(number.to_bytes(2, "big") + chance.randbytes(letters))[:letters]
        labels = tuple(payload[at : at + LABEL_OCTETS] for at in range(0, len(payload), LABEL_OCTETS))
        yield now, f"{labels_to_text(labels)}.{parent}", qtype
        number = (number + 1) % 65536
        now += chance.expovariate(per_second)


def asked_by_stub(trace: Trace, types: tuple[int, ...], retries: tuple[float, ...] = ()) -> Trace:
    """Yield what a stub asks for the names of a trace (in order): of each these types, and all of it again.

    `retries` are seconds after the first question.
    """
    waiting: list[Asked] = []
    for now, name, _ in trace:
        while waiting and waiting[0][0] <= now:
            yield heapq.heappop(waiting)
        for after in (0.0, *retries):
            for at, qtype in enumerate(types):
                heapq.heappush(waiting, (now + after + at / 1000, name, qtype))
    while waiting:
        yield heapq.heappop(waiting)


def spread(trace: Trace, parents: int, parent: str = "example.net") -> Trace:
    """Yield the questions of a tunnel that has so many domains, one after the other."""
    label, _, rest = parent.partition(".")
    for at, (now, name, qtype) in enumerate(trace):
        yield now, name.replace(parent, f"{label}{at % parents}.{rest}"), qtype


def in_reverse_zone(trace: Trace, zone: str, *, nibbles: bool) -> Trace:
    """Yield the questions of a tunnel in a reverse zone; with `nibbles`, a label for each letter."""
    for now, name, qtype in trace:
        payload = name.partition(".")[0]
        yield now, f"{'.'.join(payload) if nibbles else payload}.{zone}", qtype


def mixed(*kinds: Callable[[Random, float], Trace]) -> Callable[[Random, float], Trace]:
    """Return what yields several traces as one device's."""

    def trace(chance: Random, seconds: float) -> Trace:
        return heapq.merge(*(make(Random(chance.random()), seconds) for make in kinds))

    return trace


def searched(trace: Trace, suffix: str) -> Trace:
    """Yield what a stub asks that tries each name under its search domain too, before the name itself."""
    for now, name, qtype in trace:
        yield now, f"{name}.{suffix}", qtype
        yield now, name, qtype


def letters(chance: Random, count: int, alphabet: str = LETTERS) -> str:
    """Return that many letters by chance."""
    return "".join(chance.choices(alphabet, k=count))


def _bursts(chance: Random, seconds: float, every: float, names: Callable[[], list[Asked]]) -> Trace:
    """Yield what a page makes a device ask for, a page about every so many seconds."""
    now = chance.expovariate(1 / every)
    while now < seconds:
        for after, name, qtype in sorted(names()):
            yield now + after, name, qtype
        now += chance.expovariate(1 / every)


def _address_types(after: float, name: str) -> list[Asked]:
    return [(after, name, A), (after, name, AAAA), (after, name, HTTPS)]


def content_network(chance: Random, seconds: float) -> Trace:
    """Yield hosts of content networks: short labels by chance, some asked again and again."""
    popular = [f"d{letters(chance, 13)}.cloudfront.example" for _ in range(30)]

    def page() -> list[Asked]:
        chosen = chance.choices(popular, k=3) + [f"d{letters(chance, 13)}.cloudfront.example" for _ in range(2)]
        return [one for name in chosen for one in _address_types(chance.random(), name)]

    return _bursts(chance, seconds, 8, page)


def video(chance: Random, seconds: float) -> Trace:
    """Yield a video site's stream hosts."""

    def film() -> list[Asked]:
        hosts = [f"rr{chance.randint(1, 9)}---sn-{letters(chance, 8)}.video.example" for _ in range(3)]
        return [one for name in hosts for one in _address_types(chance.random(), name)]

    return _bursts(chance, seconds, 20, film)


def advert_frames(chance: Random, seconds: float) -> Trace:
    """Yield the frames in which adverts are shown: 64 hexadecimal digits each, two a page."""

    def page() -> list[Asked]:
        frames = [f"{chance.randbytes(32).hex()}.frames.adverts.example" for _ in range(2)]
        return [one for name in frames for one in _address_types(chance.random(), name)]

    return _bursts(chance, seconds, 15, page)


def telemetry(chance: Random, seconds: float) -> Trace:
    """Yield a device's own long name, every half minute the same."""
    own = f"{letters(chance, 8)}-{letters(chance, 4)}-{letters(chance, 20)}.devices.example"
    return iter([(now * 30.0, own, A) for now in range(int(seconds / 30))])


def antivirus(chance: Random, seconds: float, parent: str = "sophosxl.net") -> Trace:
    """Yield an antivirus program's look-ups: long coded names, TXT, several a page."""

    def page() -> list[Asked]:
        return [(chance.random(), f"{letters(chance, 26)}.v3.{parent}", TXT) for _ in range(4)]

    return _bursts(chance, seconds, 12, page)


def reverse_zones(chance: Random, seconds: float) -> Trace:
    """Yield what a network tool asks: the names of addresses of both kinds."""

    def sweep() -> list[Asked]:
        four = ".".join(str(chance.randint(0, 255)) for _ in range(4))
        six = ".".join(chance.choices("0123456789abcdef", k=32))
        return [(0.0, f"{four}.in-addr.arpa", PTR), (0.1, f"{six}.ip6.arpa", PTR)]

    return _bursts(chance, seconds, 1, sweep)


def browsing(chance: Random, seconds: float) -> Trace:
    """Yield ordinary names: words, a few hosts for each site."""
    words = ["".join(chance.choices("aeioulnrst", k=chance.randint(3, 9))) for _ in range(400)]

    def page() -> list[Asked]:
        site = f"{chance.choice(words)}{chance.choice(('.example', '.co.uk', '.org'))}"
        hosts = [f"{host}.{site}" for host in ("www", "static", chance.choice(words))]
        return [one for name in hosts for one in _address_types(chance.random(), name)]

    return _bursts(chance, seconds, 6, page)


def blogs(chance: Random, seconds: float) -> Trace:
    """Yield many sites of one parent: blogs, class pages, shops."""

    def visit() -> list[Asked]:
        words = "-".join("".join(chance.choices("aeioulnrst", k=chance.randint(3, 9))) for _ in range(3))
        return _address_types(0.0, f"{words}.blogs.example")

    return _bursts(chance, seconds, 5, visit)


def blocklist(chance: Random, seconds: float) -> Trace:
    """Yield what a mail server asks a list of addresses (DNSBL) that nobody has named: one a second, A and TXT."""

    def mail() -> list[Asked]:
        name = ".".join(str(chance.randint(1, 254)) for _ in range(4)) + ".bl.example"
        asked: list[Asked] = [(0.0, name, A)]
        return [*asked, (0.1, name, TXT)] if chance.random() < 0.03 else asked

    return _bursts(chance, seconds, 1, mail)


def polled_hosts(chance: Random, seconds: float) -> Trace:
    """Yield what watches the school's own machines: the same two hundred, every minute, A and AAAA."""
    hosts = [f"{letters(chance, 12)}-{number}.{letters(chance, 4)}.school.example" for number in range(200)]
    return iter(
        (minute * 60.0 + at / 10, name, qtype)
        for minute in range(int(seconds / 60))
        for at, name in enumerate(hosts)
        for qtype in (A, AAAA)
    )


def connected_things(chance: Random, seconds: float) -> Trace:
    """Yield what a gateway asks for sixty connected things: long names of their own, again as their TTL ends."""
    things = [f"{chance.randbytes(20).hex()}.iot.things.example" for _ in range(60)]
    return iter(
        (minute * 60.0 + at / 3, name, qtype)
        for minute in range(int(seconds / 60))
        for at, name in enumerate(things)
        for qtype in (A, AAAA)
    )


INNOCENT: dict[str, Callable[[Random, float], Trace]] = {
    "content network": content_network,
    "video hosts": video,
    "advert frames": advert_frames,
    "telemetry": telemetry,
    "connected things": connected_things,
    "polled hosts": polled_hosts,
    "address list, unknown": blocklist,
    "antivirus, known": antivirus,
    "antivirus, unknown": lambda chance, seconds: antivirus(chance, seconds, "av.example"),
    "reverse zones": reverse_zones,
    "browsing": browsing,
    "everything of these at once": mixed(
        content_network, video, advert_frames, telemetry, reverse_zones, browsing, blogs
    ),
    "browsing, search domain": lambda chance, seconds: searched(browsing(chance, seconds), "school.example"),
    "blogs": blogs,
}
