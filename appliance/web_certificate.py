"""The certificate of a web server as it stands on the disk: a renewed one is taken while the server runs.

One that cannot be used (missing, damaged, another key's) leaves the one before in use, and none where there was
none: a server goes on, and whoever asks is told why (`problem`). A certificate that has ended is still served, for
it hides a password as well as ever; but nobody is led to it (`is_trustworthy`), where a browser would warn.
"""

import logging
import ssl
import time
from collections.abc import Callable

from appliance.certificate_validity import CertificateValidity, read_validity
from appliance.errors import HallpassError
from appliance.settings.values import CertificateFiles

CHECK_SECONDS = 2.0  # after which the files are looked at again when somebody comes

log = logging.getLogger("hallpass.web")

_State = tuple[tuple[int, int, int], ...]


class WebCertificate:
    """One certificate and its key."""

    def __init__(
        self,
        files: CertificateFiles,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        create_context: Callable[[], ssl.SSLContext] = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    ) -> None:
        """`now`: Unix seconds. `create_context`: the kind of context that the server's sockets take."""
        self._files = files
        self._monotonic = monotonic
        self._now = now
        self._create_context = create_context
        self._state: _State | None = None
        self._context: ssl.SSLContext | None = None
        self._validity: CertificateValidity | None = None
        self._problem = ""
        self._check_at = monotonic()

    def current_context(self) -> ssl.SSLContext | None:
        """Return what the next connection is to be made with, or None while there is nothing to make it with."""
        self._look()
        return self._context

    def is_trustworthy(self) -> bool:
        """Tell whether somebody may be led to HTTPS: a certificate is in use, and has not ended."""
        self._look()
        return self._validity is not None and self._now() < self._validity.not_after

    def problem(self) -> str:
        """Return why the files cannot be used, in words, or ""."""
        self._look()
        return self._problem

    def _look(self) -> None:
        if self._monotonic() < self._check_at:
            return
        self._check_at = self._monotonic() + CHECK_SECONDS
        state = self._read_file_state()
        if state is not None and state == self._state and not self._problem:
            return
        try:
            self._context, self._validity = self._load()
            self._state, self._problem = state, ""
        except (HallpassError, OSError) as problem:
            words = str(problem) if isinstance(problem, HallpassError) else _os_words(problem)
            if words != self._problem:
                kept = "the one before stays in use" if self._context is not None else "HTTPS waits for one"
                log.warning("the certificate of the pages cannot be used, and %s: %s", kept, words)
            self._problem = words

    def _load(self) -> tuple[ssl.SSLContext, CertificateValidity]:
        validity = read_validity(self._files)
        context = self._create_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:  # a password of ours, so that nobody is asked for one at a terminal
            context.load_cert_chain(self._files.certificate, self._files.key, password=b"none")
        except ssl.SSLError:  # written anew between the two looks
            raise HallpassError(f"{self._files.certificate} and its key changed while they were read") from None
        return context, validity

    def _read_file_state(self) -> _State | None:
        try:
            found = [file.stat() for file in (self._files.certificate, self._files.key)]
        except (OSError, ValueError):
            return None
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _os_words(problem: OSError) -> str:
    return f"{problem.filename or 'a file'}: {problem.strerror or problem}"
