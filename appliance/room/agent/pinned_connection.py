"""The room's side of `appliance.pinned_tls`: who is called is central, or nobody.

The handshake judges no dates; here it is looked whether central's certificate had ended by a time that has passed
for certain. That one is not valid *yet* says that this room's clock is behind, and is no harm.
"""

import http.client
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance.certificate_validity import validity_of_certificate
from appliance.pinned_tls import NO_CHECK_TIME, server_name

CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
# Of what OpenSSL finds wrong with a certificate, what says that it is another one's than central's.
_FOREIGN = frozenset({18, 19, 20, 21, 62})  # self-signed (18, 19), issuer not known (20, 21), another name
INTERCEPTED_WORDS = (
    "something on the way opens encrypted connections and answers in central's place (a proxy, a firewall or an "
    "antivirus product): it has to pass on what this room says to central unread"
)


class PinnedCentral(msgspec.Struct, frozen=True):
    """How central is called, and by what it is known."""

    authority: str  # PEM
    authority_id: str
    files: tuple[Path, Path] | None  # this room's certificate and its key; None: it has none yet
    earliest_time: Callable[[], float]

    @property
    def server_name(self) -> str:
        """The name by which central is known under the authority."""
        return server_name(self.authority_id)

    def make_context(self) -> ssl.SSLContext:
        """Return a context for connections to central. Raises OSError, of which `ssl.SSLError` is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=self.authority)
        context.verify_flags |= NO_CHECK_TIME
        if self.files is not None:
            context.load_cert_chain(*self.files)
        context.sslsocket_class = _checked(ssl.SSLSocket, self.earliest_time)
        context.sslobject_class = _checked(ssl.SSLObject, self.earliest_time)
        return context


class PinnedConnection(http.client.HTTPSConnection):
    """A connection to central, whatever the address is called."""

    def __init__(
        self, host: str, port: int | None, *, server_name: str, context: ssl.SSLContext, timeout: float
    ) -> None:
        super().__init__(host, port, context=context, timeout=timeout)
        self._server_name = server_name
        self._pinned_context = context

    def connect(self) -> None:
        """Connect, and see that it is central."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._pinned_context.wrap_socket(self.sock, server_hostname=self._server_name)


def is_foreign_certificate(problem: BaseException | None) -> bool:
    """Tell whether a call failed because another one than central answered it."""
    while problem is not None:
        if isinstance(problem, ssl.SSLCertVerificationError):
            return getattr(problem, "verify_code", 0) in _FOREIGN
        problem = problem.__cause__ or problem.__context__
    return False


def is_unknown_authority(problem: BaseException | None) -> bool:
    """Tell whether a call failed because central knows nothing (any more) of the authority that was named."""
    while problem is not None:
        reason = problem.reason if isinstance(problem, ssl.SSLError) else None
        if (reason or "").endswith(("UNRECOGNIZED_NAME", "UNKNOWN_CA")):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _checked(base: Any, earliest_time: Callable[[], float]) -> Any:
    """Return a class of connections that looks at the end of central's certificate."""

    class Checked(base):  # type: ignore[misc]  # of either kind
        def do_handshake(self, *arguments: Any) -> None:
            super().do_handshake(*arguments)
            validity = validity_of_certificate(self.getpeercert(binary_form=True) or b"")
            if earliest_time() >= validity.not_after:
                words = f"central's certificate {validity.problem(earliest_time())}"
                problem = ssl.SSLCertVerificationError(1, words)
                problem.verify_code = CERTIFICATE_EXPIRED
                raise problem

    return Checked
