"""DNS over TLS (RFC 7858): the same as over TCP, inside a connection that shows this room's certificate.

The certificate's files are looked at again every `RELOAD_CHECK_SECONDS`: a renewed one is used from then on, and
one that cannot be used (missing, damaged, another key's) leaves the one before in use. Where there was none,
whoever connects is turned away until there is one, which is then taken within `RETRY_SECONDS`: encryption that is
broken ends neither plain DNS nor the start of it.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from dns.errors import DnsError
from dns.server.connection_limiter import ConnectionLimiter, ConnectionLimits
from dns.server.session_tickets import TicketKeys
from dns.server.stream_listener import StreamListener
from dns.server.tcp import QueryHandler, TcpConnection

RELOAD_CHECK_SECONDS = 60.0
RETRY_SECONDS = 2.0  # while it cannot be used
ALPN_PROTOCOL = "dot"  # inside TLS (ALPN; RFC 7858, section 3.1 leaves it out, devices that look for it do not)
HTTPS_ALPN_PROTOCOL = "h2"
_BESIDE = {HTTPS_ALPN_PROTOCOL: ("http/1.1",)}  # what is spoken with who does not speak that

_log = logging.getLogger(__name__)


class CertificateUnusable(DnsError):
    """A certificate or key that TLS cannot be spoken with; the message says why, with the file's name."""


class Certificate:
    """This room's certificate, as it stands on the disk. A process that is forked has a copy of its own."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        protocols: Sequence[str],
        now: Callable[[], float],
        *,
        ticket_keys: TicketKeys | None = None,
    ) -> None:
        """Load it, if it can be used. `protocols`: what is spoken inside (ALPN)."""
        self.certificate = certificate
        self.key = key
        self.problem = ""  # why the files cannot be used, in words
        self.remark = ""  # what else is wrong with the one in use; whoever reads it says so
        self.on_change: Callable[[], None] = _ignore_change  # called when another one is in use
        self._protocols = tuple(protocols)
        self._now = now
        self._ticket_keys = ticket_keys
        self._check_at = now()
        self._state: list[tuple[int, int]] = []
        self._contexts: Mapping[str, ssl.SSLContext] = {}
        self.reload_if_due()

    @property
    def is_loaded(self) -> bool:
        """Whether there is one in use, be it the one before."""
        return bool(self._contexts)

    def describe_problem(self) -> str:
        """Return what is wrong, and what that means, in words; "" where nothing is."""
        if not self.problem:
            return self.remark
        kept = "the one before stays in use" if self._contexts else "nobody is answered over TLS or HTTPS"
        return f"{self.problem} ({kept})"

    def current_context(self, protocol: str) -> ssl.SSLContext | None:
        """Return what the next connection is to be made with, or None while there is nothing to make it with."""
        self.reload_if_due()
        context = self._contexts.get(protocol)
        if context is not None and self._ticket_keys is not None:
            self._ticket_keys.apply_current(self._contexts.values())
        return context

    def reload_if_due(self, *, now: bool = False) -> None:
        """Look at the files, where they were not looked at lately (or anyway: `now`). Raises nothing."""
        if not now and self._now() < self._check_at:
            return
        try:
            state = self._read_file_state()
            if state != self._state:
                self._contexts, self._state = self._load_contexts(), state
                if self._ticket_keys is not None:
                    self._ticket_keys.apply(self._contexts.values())
                self.on_change()
            self.problem = ""
        except CertificateUnusable as problem:
            is_new, self.problem = str(problem) != self.problem, str(problem)
            if is_new:
                _log.warning("the certificate of encrypted DNS cannot be used: %s", self.describe_problem())
        self._check_at = self._now() + (RETRY_SECONDS if self.problem else RELOAD_CHECK_SECONDS)

    def _read_file_state(self) -> list[tuple[int, int]]:
        try:
            return [
                (stat.st_ino, stat.st_mtime_ns) for stat in (file.stat() for file in (self.certificate, self.key))
            ]
        except (OSError, ValueError) as problem:
            raise CertificateUnusable(_os_words(problem, self.certificate)) from None

    def _load_contexts(self) -> Mapping[str, ssl.SSLContext]:
        return {protocol: self._load_context(protocol) for protocol in self._protocols}

    def _load_context(self, protocol: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol, *_BESIDE.get(protocol, ())])
        certificate, key = self.certificate, self.key
        try:
            # Without a password of ours, an encrypted key would have somebody asked for one at the terminal.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as problem:
            if problem.reason == "KEY_VALUES_MISMATCH":
                raise CertificateUnusable(f"{key}: is not the key of {certificate}") from None
            raise CertificateUnusable(
                f"{certificate}: is no certificate in PEM form, or {key} no key of its (without a password)"
            ) from None
        except (OSError, ValueError) as problem:
            raise CertificateUnusable(_os_words(problem, certificate)) from None
        return context


def tls_listener(
    sock: socket.socket,
    handle: QueryHandler,
    certificate: Certificate,
    *,
    limits: ConnectionLimits,
    limiter: ConnectionLimiter | None = None,
    is_allowed: Callable[[str], bool] | None = None,
) -> StreamListener:
    """Return a listener for DNS over TLS, in the running loop. It does not accept yet."""
    clock = asyncio.get_running_loop().time

    def make(address: str, now: float) -> TcpConnection:
        return TcpConnection(address, now, handle=handle, limits=limits, clock=clock, transport="tls")

    return StreamListener(
        sock,
        make,
        limits=limits,
        limiter=limiter,
        is_allowed=is_allowed,
        tls_context=partial(certificate.current_context, ALPN_PROTOCOL),
    )


def _os_words(problem: OSError | ValueError, file: Path) -> str:
    if isinstance(problem, OSError):
        return f"{problem.filename or file}: {problem.strerror or problem}"
    return f"{file}: {problem}"


def _ignore_change() -> None:
    """Do nothing: nobody waits for another certificate."""
