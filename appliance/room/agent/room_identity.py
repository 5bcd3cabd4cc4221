"""The room's own key and its certificate, and which authority it trusts about central: files of the agent's alone.

In one folder: the key and its signing request (`identity_key`), the certificate with the authority that signed it,
the one before that, and from which token all of it came. Another token (a new enrolment file on the card) begins a
new identity: the old key belongs to what the room was.

Before the room has a certificate, the authority of its enrolment file is what it trusts, where that names one.
"""

import contextlib
import hashlib
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from appliance.certificate_validity import CertificateValidity, validity_of_certificate
from appliance.errors import HallpassError
from appliance.files import read_regular_file, remove_whatever, write_file_atomically
from appliance.pinned_tls import PEM_CERTIFICATE, authority_id_of
from appliance.protocol import IssuedCertificate
from appliance.room import clock
from appliance.room.agent.identity_key import KEY_FILE, REQUEST_FILE
from appliance.room.agent.pinned_connection import PinnedCentral

CERTIFICATE_FILE, BEFORE_FILE, TOKEN_FILE, PROVEN_FILE = "certificate.pem", "before.pem", "token.sha256", "proven"
_LISTS_PREFIX = "lists-"
RENEW_AFTER = 2 / 3  # of a certificate's life
_INTERCEPTED_SECONDS = 3600.0
_MAKE_SECONDS = 120.0  # of a small machine that has much else to do

log = logging.getLogger("hallpass.agent")


class RoomIdentity:
    """What a room is known by. Whatever is damaged is as if it were not there."""

    def __init__(
        self,
        folder: Path,
        token: str,
        bundled_authority: str = "",
        *,
        now: Callable[[], float] = time.time,
        is_clock_trusted: Callable[[], bool] = clock.is_clock_trusted,
    ) -> None:
        """`bundled_authority`: of the enrolment file (PEM), "": it names none. Raises OSError."""
        self.folder = folder
        self._token_hash = hashlib.sha256(token.encode()).hexdigest()
        self._bundled_authority = bundled_authority
        self._now = now
        self._is_clock_trusted = is_clock_trusted
        self._heard_time = 0.0  # the latest that central has said
        self._intercepted_until = 0.0  # of the monotonic clock: meanwhile the token's way is gone on
        self._validity: CertificateValidity | None = None
        self.certificate = self.authority = ""
        self._load()

    @property
    def has_certificate(self) -> bool:
        """Whether there is one, with the key that it is for."""
        return bool(self.certificate)

    @property
    def is_bundled(self) -> bool:
        """Whether the enrolment file said whom to trust."""
        return bool(self._bundled_authority)

    @property
    def is_proven(self) -> bool:
        """Whether central has taken the certificate before: from then on nothing else will do."""
        return (self.folder / PROVEN_FILE).exists()

    @property
    def authority_id(self) -> str:
        """The id of the authority that is trusted; "": none is."""
        return _authority_id(self.authority)

    @property
    def is_intercepted(self) -> bool:
        """Whether the certificate could never be shown, because somebody opens the connections on the way."""
        return time.monotonic() < self._intercepted_until

    def note_interception(self) -> None:
        """Go on as rooms of before do, for a while, where that is all that there ever was."""
        if not self.is_proven and not self.is_bundled:
            self._intercepted_until = time.monotonic() + _INTERCEPTED_SECONDS

    @property
    def lists_folder(self) -> Path:
        """Where it stands what is trusted about signed lists: another enrolment begins anew."""
        return self.folder / f"{_LISTS_PREFIX}{self._token_hash[:16]}"

    def choose_way(self) -> PinnedCentral | None:
        """Return how central is called now; None: as rooms of before do, with the token over whatever is there."""
        if not self.authority or self.is_intercepted:
            return None
        files = (self.folder / CERTIFICATE_FILE, self.folder / KEY_FILE) if self.certificate else None
        return PinnedCentral(self.authority, self.authority_id, files, self.earliest_time)

    def earliest_time(self) -> float:
        """Return what has passed for certain: the clock's time where it is trusted, else what central said."""
        heard = max(self._heard_time, self._validity.not_before if self._validity else 0.0)
        return max(heard, self._now()) if self._is_clock_trusted() else heard

    def hear_time(self, central_time: float) -> None:
        """Take in what central says of the time, over a connection on which it was central."""
        self._heard_time = max(self._heard_time, central_time)

    def is_renewal_due(self, authority_id: str, ahead_seconds: float) -> bool:
        """Tell whether the certificate is to be renewed. `ahead_seconds`: of central's clock before the room's."""
        if self._validity is None:
            return True
        life = self._validity.not_after - self._validity.not_before
        is_old = self._now() + ahead_seconds >= self._validity.not_before + RENEW_AFTER * life
        return is_old or authority_id not in ("", self.authority_id)

    def make_request(self) -> str:
        """Return the signing request; it is made, with the key, where there is none.

        Raises HallpassError, OSError.
        """
        with contextlib.suppress(OSError):
            return read_regular_file(self.folder / REQUEST_FILE).decode("ascii")
        self._begin()
        command = [sys.executable, "-m", "appliance.room.agent.identity_key", str(self.folder)]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=_MAKE_SECONDS)
        except subprocess.SubprocessError as problem:
            raise HallpassError(f"the room's key cannot be made: {problem}") from None
        return read_regular_file(self.folder / REQUEST_FILE).decode("ascii")

    def keep(self, issued: IssuedCertificate) -> None:
        """Keep a certificate that central gave for the key. Raises HallpassError where it is none, OSError."""
        content = (issued.certificate.strip() + "\n" + issued.authority.strip() + "\n").encode("ascii", "replace")
        unused = self.folder / "certificate.check"
        try:
            write_file_atomically(unused, content, mode=0o600)
            _check_pair(unused, self.folder / KEY_FILE)
        finally:
            remove_whatever(unused)
        with contextlib.suppress(OSError):
            (self.folder / CERTIFICATE_FILE).replace(self.folder / BEFORE_FILE)
        write_file_atomically(self.folder / CERTIFICATE_FILE, content, mode=0o600)
        self._load()

    def prove(self) -> None:
        """Note that central has taken the certificate. Raises OSError."""
        self._intercepted_until = 0.0
        if not self.is_proven:
            write_file_atomically(self.folder / PROVEN_FILE, b"", mode=0o600)

    def _begin(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (REQUEST_FILE, KEY_FILE, CERTIFICATE_FILE, BEFORE_FILE, PROVEN_FILE):
            remove_whatever(self.folder / name)
        write_file_atomically(self.folder / TOKEN_FILE, self._token_hash.encode(), mode=0o600)
        for path in self.folder.glob(f"{_LISTS_PREFIX}*"):
            if path != self.lists_folder:
                remove_whatever(path)

    def _load(self) -> None:
        self.certificate, self.authority, self._validity = "", self._bundled_authority, None
        try:
            if read_regular_file(self.folder / TOKEN_FILE).decode("ascii", "replace") != self._token_hash:
                remove_whatever(self.folder / REQUEST_FILE)  # a new card's: everything is made anew
                return
        except FileNotFoundError:
            return
        for name in (CERTIFICATE_FILE, BEFORE_FILE):
            path = self.folder / name
            try:
                _check_pair(path, self.folder / KEY_FILE)
                certificate, authority = PEM_CERTIFICATE.findall(read_regular_file(path).decode("ascii"))[:2]
                self._validity = validity_of_certificate(ssl.PEM_cert_to_DER_cert(certificate))
            except FileNotFoundError:
                continue
            except (HallpassError, ValueError) as problem:
                log.warning("%s is damaged: %s", path, problem)
                continue
            self.certificate, self.authority = certificate, authority
            return


def forget_trusted_lists(folder: Path) -> None:
    """Forget what a room trusts about signed lists. `folder`: its identity's. Raises OSError."""
    for path in folder.glob(f"{_LISTS_PREFIX}*"):
        remove_whatever(path)


def _check_pair(certificate: Path, key: Path) -> None:
    """Raise HallpassError where the two are not a certificate and its key; OSError where one cannot be read."""
    for path in (certificate, key):
        path.open("rb").close()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
    except ssl.SSLError:
        raise HallpassError("central's certificate is none for this room's key") from None


def _authority_id(authority: str) -> str:
    if not authority:
        return ""
    try:
        return authority_id_of(ssl.PEM_cert_to_DER_cert(authority))
    except ValueError:
        return ""
