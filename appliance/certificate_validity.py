"""From when to when certificates hold: those that a server presents, and those in files.

Times are Unix seconds. A server is asked as any client would ask it, so that what is judged is what clients get,
whoever may read its files. Whether a certificate is trusted is not asked here.

`cryptography` is loaded where a certificate is read: a room that has none keeps its megabytes.
"""

import socket
import ssl
import time
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.settings.values import CertificateFiles

DAY_SECONDS = 86_400.0
WARN_DAYS = 21  # so long before its end a certificate is spoken of: three weeks of school to renew it in
CONNECT_SECONDS = 4.0


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
    return _validity_of_der(content or b"")


def read_validity(files: CertificateFiles) -> CertificateValidity:
    """Return how long a certificate's file and all that comes with it hold.

    Raises PermissionError where this user may not read it, and HallpassError where it cannot be used: missing,
    damaged, or not the certificate of this key.
    """
    for path in (files.certificate, files.key):
        try:
            path.open("rb").close()
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
    return _validity_of_pem(files.certificate.read_bytes(), files.certificate)


def _validity_of_der(content: bytes) -> CertificateValidity:
    from cryptography import x509  # noqa: PLC0415 (see above)

    try:
        one = x509.load_der_x509_certificate(content)
    except ValueError as problem:
        raise OSError(f"presents no certificate that can be read ({problem})") from None
    return CertificateValidity(one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp())


def _validity_of_pem(content: bytes, path: Path) -> CertificateValidity:
    from cryptography import x509  # noqa: PLC0415 (see above)

    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        raise HallpassError(f"{path} is damaged: it holds a certificate that cannot be read") from None
    return CertificateValidity(
        max(one.not_valid_before_utc.timestamp() for one in found),
        min(one.not_valid_after_utc.timestamp() for one in found),
    )


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
