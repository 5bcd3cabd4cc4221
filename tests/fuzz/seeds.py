"""Well-formed inputs to begin with: a fuzzer that must first guess a header finds little."""

import base64
from collections.abc import Callable, Iterable, Iterator

import dnslib
import h2.config
import h2.connection

from tests.fakes.resolvers import question

_OPTIONS = (None, b"", b"\0\x0a\0\x0812345678", b"\0\x0c\0\2\0\0", b"\0\x08\0\4\0\1\0\0", b"\0\x0f\0\2\0\x0f")
_LINES = (
    "www.bets.example. 60 IN A 192.0.2.3",
    "fine.example. 60 IN CNAME www.bets.example.",
    "fine.example. 300 IN AAAA 2001:db8::66",
    "fine.example. 60 IN HTTPS 1 . alpn=h2 echconfig=AAAAAQ== ipv4hint=192.0.2.3 ipv6hint=2001:db8::1",
    "fine.example. 60 IN TXT some-text",
    "fine.example. 60 IN MX 10 mail.example.",
    "example. 600 IN SOA ns.example. x.example. 1 2 3 4 60",
)


def seeds(target: str) -> Iterator[bytes]:
    """Yield inputs for a target."""
    yield from _SEEDS[target]()


def _questions() -> list[bytes]:
    return [
        question(name, kind, edns=options, dnssec=name.startswith("w"))
        for name in ("fine.example", "www.bets.example", "search.example")
        for kind in ("A", "HTTPS", "ANY")
        for options in _OPTIONS
    ]


def _options() -> Iterator[bytes]:
    yield from (one for one in _OPTIONS if one)


def _asking() -> Iterator[bytes]:
    yield from (bytes((at % 16,)) + one for at, one in enumerate(_questions()))


def _names() -> Iterator[bytes]:
    yield from (b"\x0c" + one for one in (*_questions()[:4], *_answers()))


def _services() -> Iterator[bytes]:
    yield b"\0\1\0\0\1\0\3\2h2\0\5\0\4\0\0\0\1\0\4\0\4\xc0\0\2\3"
    yield b"\0\1\3foo\0\0\0\0\4\0\1\0\5\0\5\0\4\0\0\0\1\0\6\0\x10" + bytes(16)


def _answering() -> Iterator[bytes]:
    for at, one in enumerate(_answers()):
        yield bytes((at * 4 % 256,)) + one[2:4] + one[6:12] + b"\0\0" + one[12 + 18 :]


def _streaming() -> Iterator[bytes]:
    framed = [len(one).to_bytes(2, "big") + one for one in _questions()[:9]]
    yield b"\xff" + b"".join(framed[:5])
    yield from (b"\7" + one for one in framed[5:])


def _requests() -> Iterator[bytes]:
    asked = _questions()[0]
    yield b"/dns-query?dns=" + base64.urlsafe_b64encode(asked).rstrip(b"=") + b"\n\n"
    yield b"/dns-query\napplication/dns-message\n" + asked


def _answers() -> Iterator[bytes]:
    for lines in (_LINES[:1], _LINES[1::-1], _LINES[2:3], _LINES[3:4], _LINES[4:6], ()):
        message = dnslib.DNSRecord.question("fine.example").reply()
        for line in lines:
            message.add_answer(*dnslib.RR.fromZone(line))
        message.add_auth(*dnslib.RR.fromZone(_LINES[6]))
        yield bytes(message.pack())
        packed = bytearray(message.pack())
        packed[11] = 1
        yield bytes(packed) + b"\0\0\x29\x04\xd0\0\0\0\0\0\6\0\x0f\0\2\0\x10"


def _hypertext() -> Iterator[bytes]:
    for method in ("POST", "GET"):
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        client.clear_outbound_data_buffer()
        for stream, one in enumerate(_questions()[:3]):
            dns = base64.urlsafe_b64encode(one).rstrip(b"=").decode()
            path = "/dns-query" if method == "POST" else f"/dns-query?dns={dns}"
            headers = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "room.example")]
            headers.append(("content-type", "application/dns-message"))
            client.send_headers(2 * stream + 1, headers, end_stream=method == "GET")
            if method == "POST":
                client.send_data(2 * stream + 1, one, end_stream=True)
        client.ping(b"12345678")
        client.reset_stream(1)
        client.close_connection()
        yield b"\xff" + client.data_to_send()


def _hypertext_of_old() -> Iterator[bytes]:
    for one in _questions()[:3]:
        dns = base64.urlsafe_b64encode(one).rstrip(b"=")
        yield b"\xff" + b"GET /dns-query?dns=%s HTTP/1.1\r\nHost: room.example\r\n\r\n" % dns * 2
        head = b"POST /dns-query HTTP/1.1\r\nHost: room.example\r\nContent-Type: application/dns-message\r\n"
        yield b"\xff" + head + b"Content-Length: %d\r\n\r\n%s" % (len(one), one)
        yield b"\xff" + head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(one), one)


def _carriers() -> Iterator[bytes]:
    yield b"\x0a\1\2\xc0\0\2\3key"
    yield b"\0\1\x20\4\xc0\0\2\3\0\2\x80\x90" + bytes(16)


_SEEDS: dict[str, Callable[[], Iterable[bytes]]] = {
    "reading": _questions,
    "names": _names,
    "skimming": _answers,
    "options": _options,
    "services": _services,
    "cookies": _options,
    "asking": _asking,
    "answering": _answering,
    "exchanging": _answers,
    "streaming": _streaming,
    "hypertext": _hypertext,
    "hypertext_of_old": _hypertext_of_old,
    "carriers": _carriers,
    "requests": _requests,
}
