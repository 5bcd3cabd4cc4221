"""From when to when certificates hold: those that a server presents, and those in files.

Times are Unix seconds. A server is asked as any client would ask it, so that what is judged is what clients get,
whoever may read its files. Whether a certificate is trusted is not asked here.

The two times are read from the certificate's own bytes (DER; RFC 5280, sections 4.1 and 4.1.2.5): a library for
certificates would cost the room's agent eight megabytes for them.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.values import CertificateFiles

DAY_SECONDS = 86_400.0
WARN_DAYS = 21  # so long before its end a certificate is spoken of: three weeks of school to renew it in
CONNECT_SECONDS = 4.0

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _LONG_FORM = 0x30, 0x17, 0x18, 0x80
_OCTET_STRING, _EXTENSIONS, _DNS_NAME = 0x04, 0xA3, 0x82
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"  # 2.5.29.17
_VERSION = b"\xa0"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CertificateValidity(msgspec.Struct, frozen=True):
    """From when to when a certificate and those that come with it hold together."""

    not_before: float
    not_after: float

    def problem(self, now: float) -> str:
        """Return what is wrong with it at this time, in words, or ""."""
        if now >= self.not_after:
            return f"ended on {_day(self.not_after)}"
        if now < self.not_before:
            return f"is not valid before {_day(self.not_before)}"
        if self.days_left(now) < WARN_DAYS:
            return f"ends in {self.days_left(now):.0f} days"
        return ""

    def days_left(self, now: float) -> float:
        """Return how many days are left at this time; less than none where it has ended."""
        return (self.not_after - now) / DAY_SECONDS


def fetch_validity(host: str, port: int, server_name: str | None = None) -> CertificateValidity:
    """Return how long the certificate holds that a TLS server presents. Raises OSError where none is had."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # one that has ended is to be looked at, not refused
    with (
        socket.create_connection((host, port), CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as connection,
    ):
        content = connection.getpeercert(binary_form=True)
    try:
        return validity_of_certificate(content or b"")
    except ValueError as problem:
        raise OSError(f"presents no certificate that can be read: {problem}") from None


def read_validity(files: CertificateFiles) -> CertificateValidity:
    """Return how long a certificate's file and all that comes with it hold.

    Raises PermissionError where this user may not read it, and HallpassError where it cannot be used: missing,
    damaged, or not the certificate of this key.
    """
    for path in (files.certificate, files.key):
        try:
            read_regular_file(path)  # whatever stands there, nobody waits for it
        except PermissionError:
            raise
        except OSError as problem:
            raise HallpassError(f"{path}: {problem.strerror}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password=b"none")
    except ssl.SSLError as problem:
        if problem.reason == "KEY_VALUES_MISMATCH":
            raise HallpassError(f"{files.key} is not the key of {files.certificate}") from None
        raise HallpassError(
            f"{files.certificate} and {files.key} are damaged, or no certificate and its key"
        ) from None
    return validity_of_pem(files.certificate.read_bytes(), files.certificate)


def validity_of_certificate(content: bytes) -> CertificateValidity:
    """Return from when to when a certificate (DER) holds. Raises ValueError where it is none."""
    signed, at = _signed_part(content)
    times = _content_of(signed, at, _SEQUENCE)
    tag, not_before, at = _element(times, 0)
    return CertificateValidity(_read_time(tag, not_before), _read_time(*_element(times, at)[:2]))


def subject_key_of_certificate(content: bytes) -> bytes:
    """Return the public key of a certificate (DER), as it stands there. Raises ValueError where it is none."""
    signed, at = _signed_part(content)
    for _times_and_subject in range(2):
        _, _, at = _element(signed, at)
    _, _, end = _element(signed, at)
    return signed[at:end]


def names_of_certificate(content: bytes) -> tuple[str, ...]:
    """Return the names of hosts that a certificate (DER) bears, in small letters (RFC 5280, section 4.2.1.6).

    Raises ValueError where it is none.
    """
    signed, at = _signed_part(content)
    while at < len(signed):
        tag, inside, at = _element(signed, at)
        if tag == _EXTENSIONS:
            return tuple(_names_of_extensions(_content_of(inside, 0, _SEQUENCE)))
    return ()


def names_of_pem(content: bytes) -> tuple[str, ...]:
    """Return the same of the first certificate of a file (PEM). Raises ValueError where there is none."""
    first = _PEM.search(content.decode("ascii", errors="replace"))
    return names_of_certificate(ssl.PEM_cert_to_DER_cert(first[0] if first else ""))


def _names_of_extensions(extensions: bytes) -> Iterator[str]:
    at = 0
    while at < len(extensions):
        _, extension, at = _element(extensions, at)
        _, kind, within = _element(extension, 0)
        if kind != _ALTERNATIVE_NAMES:
            continue
        tag, value, within = _element(extension, within)
        if tag != _OCTET_STRING:  # whether it is critical stood before it
            _, value, _ = _element(extension, within)
        names, begin = _content_of(value, 0, _SEQUENCE), 0
        while begin < len(names):
            tag, name, begin = _element(names, begin)
            if tag == _DNS_NAME:
                yield name.decode("ascii", "replace").lower()


def _signed_part(content: bytes) -> tuple[bytes, int]:
    """Return what is signed, and where its times begin."""
    signed = _content_of(_content_of(content, 0, _SEQUENCE), 0, _SEQUENCE)
    at = 0
    if signed[:1] == _VERSION:
        _, _, at = _element(signed, at)
    for _serial_number_algorithm_and_issuer in range(3):
        _, _, at = _element(signed, at)
    return signed, at


def _content_of(content: bytes, at: int, wanted: int) -> bytes:
    tag, inside, _ = _element(content, at)
    if tag != wanted:
        raise ValueError(f"an element of type {wanted} was expected, not {tag}")
    return inside


def _element(content: bytes, at: int) -> tuple[int, bytes, int]:
    """Return the tag and the content of the element at an offset, and where the next begins (X.690, 8.1)."""
    if at + 2 > len(content):
        raise ValueError("it is cut off")
    tag, size, begin = content[at], content[at + 1], at + 2
    if size & _LONG_FORM:
        begin += size & ~_LONG_FORM
        size = int.from_bytes(content[at + 2 : begin], "big")
    if begin + size > len(content):
        raise ValueError("it is cut off")
    return tag, content[begin : begin + size], begin + size


def _read_time(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: from 1950 on (RFC 5280, section 4.1.2.5.1)
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"an element of type {tag} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def validity_of_pem(content: bytes, path: Path) -> CertificateValidity:
    """Return how long all certificates of a file (PEM) hold together. Raises HallpassError."""
    try:
        text = content.decode("ascii", errors="replace")
        found = [validity_of_certificate(ssl.PEM_cert_to_DER_cert(one)) for one in _PEM.findall(text)]
    except ValueError:
        raise HallpassError(f"{path} is damaged: it holds a certificate that cannot be read") from None
    if not found:
        raise HallpassError(f"{path} is damaged: it holds no certificate")
    return CertificateValidity(max(one.not_before for one in found), min(one.not_after for one in found))


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
