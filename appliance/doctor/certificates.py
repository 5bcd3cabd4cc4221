"""How long the certificates hold that a room depends on: in its files, as they are served, and central's."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from appliance.certificate_validity import CONNECT_SECONDS, CertificateValidity, fetch_validity, read_validity
from appliance.doctor.check_result import CheckResult, ok, problem, unknown
from appliance.errors import HallpassError
from appliance.settings.room import CentralLink
from appliance.settings.values import CertificateFiles

WHAT = "certificate"
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # in the handshake
RENEW = "renew it; on a card: a new hallpass-dns.pem on the boot partition (docs/dns.md)"


def check_served_certificate(whose: str, host: str, port: int, now: float) -> Iterator[CheckResult]:
    """Look at the certificate that a server across the network presents; it may well have none."""
    try:
        validity = fetch_validity(host, port)
    except OSError as failure:
        said = failure.strerror or str(failure)
        if isinstance(failure, _CLOSED):  # a room keeps its port open for the certificate to come
            yield unknown(WHAT, f"{whose}: port {port} has none to show, as in every room that was given none")
        elif isinstance(failure, ssl.SSLError):
            yield problem(WHAT, f"{whose}, port {port}: {said}", "is that port the room's? Look on the Pi")
        else:
            yield unknown(
                WHAT, f"{whose}: none on port {port}, as in every room that was given none ({said.lower()})"
            )
    else:
        yield _judge(whose, validity, now, RENEW)


def check_certificate_files(
    whose: str, files: CertificateFiles, host: str, port: int, now: float
) -> Iterator[CheckResult]:
    """Look at a certificate's files, and whether they are what is served."""
    try:
        in_file = read_validity(files)
    except PermissionError:
        yield unknown(WHAT, f"{whose}: this user may not read its key; run this as root: sudo hallpass doctor")
        yield from check_served_certificate(whose, host, port, now)
        return
    except HallpassError as failure:
        yield problem(WHAT, f"{whose}: {failure}", "put the certificate, its chain and its own key there anew")
        yield from check_served_certificate(whose, host, port, now)
        return
    yield _judge(whose, in_file, now, RENEW)
    try:
        served = fetch_validity(host, port)
    except OSError as failure:
        said = failure.strerror or str(failure)
        yield problem(WHAT, f"{whose} is not served on port {port}: {said.lower()}", "does its process run?")
        return
    if served.not_after < in_file.not_after:  # the file's may end sooner: what signed it is looked at there too
        yield problem(WHAT, f"{whose}: an older one is served than the file holds", "restart the room's services")


def check_central_certificate(link: CentralLink, now: float) -> Iterator[CheckResult]:
    """Look whether central's certificate is trusted, and for how long. Central that is away is said elsewhere."""
    parts = urlsplit(link.url)
    if parts.scheme != "https":
        return
    host, port = parts.hostname or "", parts.port or 443
    try:
        context = ssl.create_default_context(cafile=str(link.certificate) if link.certificate else None)
        with (
            socket.create_connection((host, port), CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            pass
        yield _judge("central's", fetch_validity(host, port, host), now, "renew it at central")
    except ssl.SSLCertVerificationError as failure:
        yield problem(
            WHAT,
            f"central's is not trusted: {failure.verify_message}",
            "is the clock right? Is it renewed at central? Else fetch a new bundle",
        )
    except OSError:
        return


def _judge(whose: str, validity: CertificateValidity, now: float, todo: str) -> CheckResult:
    if words := validity.problem(now):
        return problem(WHAT, f"{whose} {words}", todo)
    return ok(WHAT, f"{whose} holds for {validity.days_left(now):.0f} days")
