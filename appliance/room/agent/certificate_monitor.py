"""Looks once an hour how long the certificates hold that this room depends on, by asking as a client does.

They are those of DNS over TLS and HTTPS, of the pages, and central's. Each belongs to another process or machine,
whose files the agent may not read; what is served counts. A server that does not answer is another's finding.
While the clock is not known nothing is said: it would be the clock's fault.

The pages' certificate is looked at once a minute besides: while it cannot be used nobody can sign in. Where the
agent may read its files it does; else a port of HTTPS that takes connections and speaks no TLS says enough.
"""

import logging
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec

from appliance.certificate_validity import CertificateValidity, fetch_validity, read_validity
from appliance.errors import HallpassError
from appliance.room import clock
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.page_certificate import page_tls
from appliance.settings.room import RoomSettings, WebTlsSection
from appliance.settings.values import Endpoint
from dns.coalesced_timers import sleep_coalesced

CHECK_SECONDS = 3600.0
PAGES_CHECK_SECONDS = 60.0
RETRY_SECONDS = 60.0  # while one of them could not be had
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (recognised, not bound)

log = logging.getLogger("hallpass.agent")


class CertificateServer(msgspec.Struct, frozen=True):
    """Where a certificate is served, and whose it is, for people."""

    what: str
    host: str
    port: int
    server_name: str | None = None

    def fetch_validity(self) -> CertificateValidity:
        """Ask for its certificate. Raises OSError."""
        return fetch_validity(self.host, self.port, self.server_name)


def certificate_servers(settings: RoomSettings) -> Iterator[CertificateServer]:
    """Yield the servers whose certificates a room depends on."""
    if (dns := settings.dns.tls) is not None and (listen := (*dns.listen, *dns.https)[:1]):
        yield _own_server("the certificate of encrypted DNS", listen[0])
    if (web := page_tls(settings)) is not None:
        yield _own_server("the pages' certificate", web.listen)
    if settings.central is not None:
        parts = urlsplit(settings.central.url)
        if parts.scheme == "https":
            host = parts.hostname or ""
            yield CertificateServer("central's certificate", host, parts.port or 443, host)


class CertificateMonitor:
    """Keeps what was seen last of each certificate."""

    def __init__(self, settings: RoomSettings) -> None:
        self._settings = settings
        self._seen: dict[str, CertificateValidity] = {}
        self._pages_validity: CertificateValidity | None = None
        self._pages_fault = ""

    async def check_regularly(self) -> None:
        """Look at each, for ever."""
        due = -CHECK_SECONDS
        while True:
            await run_blocking(self.check_pages)
            if time.monotonic() >= due:
                complete = await run_blocking(self.check_all)
                due = time.monotonic() + (CHECK_SECONDS if complete else RETRY_SECONDS)
            await sleep_coalesced(PAGES_CHECK_SECONDS)

    def problem(self, now: float, is_clock_trusted: Callable[[], bool] = clock.is_clock_trusted) -> str:
        """Return what is wrong with the certificates at this time, in words, or ""."""
        found = ((what, validity.problem(now)) for what, validity in self._seen.items())
        words = "; ".join(f"{what} {problem}" for what, problem in found if problem)
        return words if words and is_clock_trusted() else ""

    def pages_problem(self, now: float, is_clock_trusted: Callable[[], bool] = clock.is_clock_trusted) -> str:
        """Return why nobody can sign in over HTTPS at this time, in words, or ""."""
        if self._pages_fault:
            return self._pages_fault
        validity = self._pages_validity
        if validity is not None and now >= validity.not_after and is_clock_trusted():
            return validity.problem(now)
        return ""

    def check_pages(self) -> None:
        """Look at the pages' certificate, where they have one."""
        pages = page_tls(self._settings)
        if pages is None:
            self._pages_validity, self._pages_fault = None, ""
            return
        try:
            self._pages_validity, self._pages_fault = self._read_pages(pages), ""
            if self._settings.web.tls is None:
                self._check_served(pages)
        except (HallpassError, OSError) as problem:
            self._pages_fault = str(problem)

    def _read_pages(self, tls: WebTlsSection) -> CertificateValidity | None:
        try:
            return read_validity(tls)
        except PermissionError:
            pass
        server = _own_server("", tls.listen)
        try:
            return server.fetch_validity()
        except ConnectionRefusedError:
            return self._pages_validity  # the pages do not run: another's finding
        except OSError:
            raise HallpassError("it is missing or damaged, or not its key's: the pages speak no HTTPS") from None

    def _check_served(self, tls: WebTlsSection) -> None:
        """Raise HallpassError where another program has the port for central's certificate."""
        try:
            _own_server("", tls.listen).fetch_validity()
        except ConnectionRefusedError:
            pass  # the pages do not run: another's finding
        except OSError:
            raise HallpassError(f"something else has port {tls.listen.port}, where it would be served") from None

    def check_all(self) -> bool:
        """Ask for each certificate; tell whether all could be had."""
        complete = True
        servers = tuple(certificate_servers(self._settings))
        self._seen = {server.what: self._seen[server.what] for server in servers if server.what in self._seen}
        for server in servers:
            try:
                self._seen = {**self._seen, server.what: server.fetch_validity()}
            except (OSError, ValueError) as problem:  # ValueError: a name that no encoding of names takes
                complete = False
                log.debug("%s cannot be had: %s", server.what, problem)
        return complete


def _own_server(what: str, listen: Endpoint) -> CertificateServer:
    return CertificateServer(what, _LOOPBACK.get(listen.host, listen.host), listen.port)
