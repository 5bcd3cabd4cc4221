"""Everything that a server of lists does wrong, by name: what it answers, and what is said of it then."""

import bz2
import functools
import gzip
import io
import lzma
import random
import socket
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

from tests.fakes.list_server import Answer, ListServer

NAMES = b"".join(b"name%d.example\n" % at for at in range(3000))
SLOW = r"took longer than|did not answer in time"
DAMAGED = r"is damaged|cut short|cannot be unpacked|ends too soon"
_ZEROS = b"\0" * (1 << 20)


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with a body and headers."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def raw(*pieces: bytes, pause: float = 0.0) -> Answer:
    """Answer with bytes as they are, then close."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
            time.sleep(pause)
        handler.close_connection = True

    return answer


def for_ever(server: ListServer, begin: bytes, piece: bytes, pause: float) -> Answer:
    """Begin, and then send a piece again and again until the client or the test ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        while not server.is_stopped.wait(pause):
            handler.wfile.write(piece)

    return answer


def reset(after: bytes) -> Answer:
    """Send something, then reset the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(after)
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True

    return answer


def _head(**headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


def _zip(name: str, content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return held.getvalue()


def _zip_with_wrong_sum() -> bytes:
    content = _zip("list.txt", NAMES)
    where = content.rindex(b"PK\x01\x02") + 16  # the CRC-32 of its entry in the directory
    return content[:where] + b"\xde\xad\xbe\xef" + content[where + 4 :]


def _zip_with_a_lost_directory() -> bytes:
    content = bytearray(_zip("list.txt", NAMES))
    content[-6:-2] = b"\xff\xff\xff\x7f"  # where it begins, as the record at the end has it
    return bytes(content)


def _zip_with_a_strange_method() -> bytes:
    content = bytearray(_zip("list.txt", NAMES))
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 10 : entry + 12] = b"\x62\x00"  # PPMd
    return bytes(content)


def _tar_with_a_link() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("ut1/domains")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(member)
    return packed.getvalue()


def _zip_with_password() -> bytes:
    content = bytearray(_zip("list.txt", NAMES))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + flags] |= 1
    return bytes(content)


@functools.cache
def _bomb(compressor: Callable[[bytes], bytes], megabytes: int) -> bytes:
    return compressor(_ZEROS * megabytes)


def _tar_cut_short() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        member = tarfile.TarInfo("gambling/domains")
        member.size = len(NAMES)
        archive.addfile(member, io.BytesIO(NAMES))
    return held.getvalue()[: len(NAMES) // 2]


def bad_answers(server: ListServer) -> Iterator[tuple[str, Answer, str]]:
    """Yield the name of each misbehaviour, the answer, and a pattern for what is said of it."""
    packed = gzip.compress(NAMES)
    noise = random.Random(18).randbytes(200_000)
    yield from (
        ("slow header", for_ever(server, b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.2), SLOW),
        ("endless headers", for_ever(server, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 2000, 0), r"HTTP|broke off"),
        ("slow body", for_ever(server, _head(Content_Length="9999"), b"a", 0.2), SLOW),
        ("slow chunks", for_ever(server, _head(Transfer_Encoding="chunked"), b"1\r\na\r\n", 0.2), SLOW),
        ("endless body", for_ever(server, _head(), NAMES, 0), r"is larger than|took longer"),
        ("one endless line", for_ever(server, _head(), b"a" * 65536, 0), r"is larger than|took longer"),
        ("silence", for_ever(server, b"", b"", 0.2), SLOW),
        ("too short", raw(_head(Content_Length=str(2 * len(NAMES))), NAMES), r"HTTP|broke off"),
        ("no length that is one", raw(_head(Content_Length="many"), NAMES), r"HTTP"),
        ("a negative length", raw(_head(Content_Length="-5"), NAMES), r"HTTP"),
        ("two lengths", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n", NAMES), r"HTTP"),
        ("no HTTP at all", raw(b"220 mail.example ESMTP\r\n"), r"HTTP"),
        ("a reset before the answer", reset(b""), r"broke off|HTTP"),
        ("a reset in the header", reset(b"HTTP/1.1 200 OK\r\nContent-Le"), r"broke off|HTTP"),
        ("a reset in the body", reset(_head(Content_Length="99999") + NAMES[:500]), r"broke off|HTTP"),
        ("chunks that are none", raw(_head(Transfer_Encoding="chunked"), b"zz\r\nname.example\r\n"), r"HTTP"),
        ("gzip in gzip", body(gzip.compress(packed), Content_Encoding="gzip, gzip"), r"more than once"),
        ("a bomb in a bomb", body(gzip.compress(_bomb(gzip.compress, 64)), Content_Encoding="gzip, gzip"),
         r"more than once"),
        ("an encoding nobody asked for", body(NAMES, Content_Encoding="br"), r"not asked for"),
        ("an encoding that is not one", body(NAMES, Content_Encoding="gzip"), DAMAGED),
        ("a bomb", body(_bomb(gzip.compress, 64), Content_Encoding="gzip"), r"times its size"),
        ("gzip cut short", body(packed[:-2000], Content_Encoding="gzip"), DAMAGED),
        ("gzip with a flipped bit", body(_flipped(packed), Content_Encoding="gzip"), DAMAGED),
        ("a gzip file cut short", body(packed[:-2000]), DAMAGED),
        ("a gzip file with a flipped bit", body(_flipped(packed)), DAMAGED),
        ("a gzip file that is a bomb", body(_bomb(gzip.compress, 64)), r"no text|took longer|line longer"),
        ("an xz file cut short", body(lzma.compress(NAMES)[:-500]), DAMAGED),
        ("an xz file with a flipped bit", body(_flipped(lzma.compress(NAMES))), DAMAGED),
        ("an xz file that wants a gigabyte", body(_xz_with_a_large_dictionary()), r"memory|damaged"),
        ("a bzip2 file cut short", body(bz2.compress(NAMES)[:-500]), DAMAGED),
        ("a bzip2 file with a flipped bit", body(_flipped(bz2.compress(NAMES))), DAMAGED),
        ("a zip with a wrong sum", body(_zip_with_wrong_sum()), DAMAGED),
        ("a zip cut short", body(_zip("list.txt", NAMES)[:-200]), DAMAGED),
        ("a zip with a password", body(_zip_with_password()), r"password"),
        ("a zip whose directory is elsewhere", body(_zip_with_a_lost_directory()), DAMAGED),
        ("a zip packed in a way of its own", body(_zip_with_a_strange_method()), r"packed in a way"),
        ("a tar whose list is a link", body(_tar_with_a_link()), r"holds 0 folders"),
        ("a tar cut short", body(_tar_cut_short()), DAMAGED),
        ("a redirect to itself", body(b"", 302, Location="/bad"), r"redirects more than"),
        ("a redirect to plain http", body(b"", 301, Location="http://lists.example/list"), r"is not https"),
        ("a redirect to a file", body(b"", 301, Location="file:///etc/passwd"), r"is not https"),
        ("a redirect to no address", body(b"", 301, Location="https://[/list"), r"redirects to https://\["),
        ("a redirect beyond ASCII", body(b"", 302, Location="/g\xe9n\xe9ral"), r"answered 404"),
        ("a redirect to a host beyond ASCII", body(b"", 302, Location="https://\xe9.example/"), r"in ASCII"),
        ("nothing", body(b"", 204), r"answered 204"),
        ("a part", body(NAMES, 206, Content_Range="bytes 0-9/99"), r"answered 206"),
        ("not modified since never", body(b"", 304), r"answered 304"),
        ("unsatisfiable", body(b"", 416), r"answered 416"),
        ("too many requests", body(b"", 429, Retry_After="7200"), r"answered 429.* 120 minutes"),
        ("an error", body(b"oops", 500), r"answered 500"),
        ("busy", body(b"", 503, Retry_After="soon"), r"answered 503"),
        ("a page to sign in", body(b"<!DOCTYPE html><html>Sign in", Content_Type="text/html"), r"is a web page"),
        ("a picture", body(b"\x89PNG\r\n\x1a\n" + noise, Content_Type="image/png"), r"no text"),
        ("random bytes", body(noise, Content_Type="text/plain"), r"no text"),
        ("NULs between the letters", body(NAMES.replace(b".", b"\0")), r"no text"),
        ("UTF-16 that does not say so", body(NAMES.decode().encode("utf-16-le")), r"UTF-16|no text"),
        ("huge lines", body((b"a" * 200_000 + b"\n") * 20), r"line longer|not one of its|no list"),
        ("JSON", body(b'{"error": "gone",\n "code": 7}\n' * 40), r"no list|not one of its|look like entries"),
        ("a program", body(b"function go() {\n  return a[1] + this.b;\n}\n" * 40), r"no list|look like|not one"),
        ("only comments", body(b"# moved elsewhere\n" * 5), r"holds no entry"),
        ("an empty file", body(b""), r"holds no entry"),
    )  # fmt: skip


def _xz_with_a_large_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(NAMES, filters=filters))
    # The xz file format, section 5.3.1: one byte says the size of the dictionary, 40: four gigabytes.
    where = packed.index(b"\x21\x01") + 2
    packed[where] = 40
    header = 12
    size = (packed[header] + 1) * 4
    packed[header + size - 4 : header + size] = struct.pack("<I", zlib.crc32(packed[header : header + size - 4]))
    return bytes(packed)
