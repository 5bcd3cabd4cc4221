"""Brings the certificate of the room's pages to where central says: handed in there, or signed for the room's key.

What comes is looked at before it is taken: the key is its own, the chain can be read, nothing of it has ended, and
the page's name stands in it. Else the one before stays. Where central signs, the room makes a key for each
certificate, in a process that ends, and asks for another one at two thirds of its life.
"""

import contextlib
import logging
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from appliance.certificate_validity import CertificateValidity, names_of_certificate, validity_of_pem
from appliance.errors import HallpassError
from appliance.files import read_regular_file, remove_whatever, write_file_atomically
from appliance.pinned_tls import PEM_CERTIFICATE
from appliance.protocol import PageCertificate
from appliance.room import clock
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.identity_key import KEY_FILE, REQUEST_FILE
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.page_certificate import MAX_FILE_BYTES, HeldPage, read_page, write_page
from appliance.room.paths import RoomPaths
from appliance.settings.values import is_host_name

RETRY_SECONDS = 5.0
RENEW_AFTER = 2 / 3  # of the life of a certificate that central signs for the room
_MAKE_SECONDS = 120.0  # of a small machine that has much else to do

log = logging.getLogger("hallpass.agent")


class PageSync(TargetFollower[str]):
    """One room's certificate; what is wanted is the digest that central names, "": none."""

    check_seconds = 10.0

    def __init__(
        self,
        client: CentralClient,
        paths: RoomPaths,
        now: Callable[[], float],
        is_clock_trusted: Callable[[], bool] = clock.is_clock_trusted,
    ) -> None:
        """`now`: central's time, Unix seconds."""
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS * 12))
        self._client = client
        self._paths = paths
        self._now = now
        self._is_clock_trusted = is_clock_trusted
        self._is_kept = False  # a central of before knows nothing of it: what there is stays

    def set_wanted(self, wanted: str) -> None:
        """Take in which certificate central names."""
        if wanted != self._wanted:
            self._is_kept = False
        super().set_wanted(wanted)

    async def is_applied(self, wanted: str) -> bool:
        """Tell whether the room has it, and need not renew it."""
        path = self._paths.page_certificate
        if not wanted:
            return self._is_kept or not path.exists()
        held = await run_blocking(read_page, path)
        if held is None or held.digest != wanted:
            return False
        return not held.renew_at or self._now() < held.renew_at or not self._is_clock_trusted()

    async def apply(self, wanted: str) -> None:  # noqa: ARG002 (whatever central has now)
        """Fetch the certificate, or have one signed, and keep it."""
        page = await self._client.fetch_page_certificate()
        if page is None:
            self._is_kept = True
            return
        if not page.name:
            await run_blocking(remove_whatever, self._paths.page_certificate)
            return
        if page.certificate:
            await run_blocking(self._keep, page)
            return
        request = await run_blocking(self._make_request)
        page = await self._client.sign_page_certificate(request)
        await run_blocking(self._keep_signed, page)

    def _make_request(self) -> str:
        """Return the signing request of a key that waits for its certificate; raises HallpassError, OSError."""
        folder = self._paths.page_key
        with contextlib.suppress(OSError):
            return read_regular_file(folder / REQUEST_FILE).decode("ascii")
        remove_whatever(folder)
        folder.mkdir(mode=0o700)
        command = [sys.executable, "-m", "appliance.room.agent.identity_key", str(folder)]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=_MAKE_SECONDS)
        except subprocess.SubprocessError as problem:
            raise HallpassError(f"the key of the pages cannot be made: {problem}") from None
        return read_regular_file(folder / REQUEST_FILE).decode("ascii")

    def _keep_signed(self, page: PageCertificate) -> None:
        key = read_regular_file(self._paths.page_key / KEY_FILE).decode("ascii", "replace")
        try:
            self._keep(page, key)
        finally:
            remove_whatever(self._paths.page_key)  # the next certificate is for another key

    def _keep(self, page: PageCertificate, own_key: str = "") -> None:
        """Take a certificate. Where it cannot be used the one before stays: raises HallpassError, OSError."""
        parts = (page.certificate.strip(), (own_key or page.key).strip(), "")
        content = "\n".join(parts).encode("ascii", "replace")
        if len(content) > MAX_FILE_BYTES // 2:
            raise HallpassError("the certificate for this room's pages is larger than any that is one")
        path = self._paths.page_certificate
        validity = self._check(content, page.name, path.with_name("pages.check"))
        life = validity.not_after - validity.not_before
        renew_at = validity.not_before + RENEW_AFTER * life if own_key else 0.0
        held = HeldPage(
            digest=page.digest, name=page.name, publicly_trusted=page.publicly_trusted, renew_at=renew_at
        )
        write_page(path, held, content)
        log.info("this room's pages have a certificate for %s", page.name)

    def _check(self, content: bytes, name: str, unused: Path) -> CertificateValidity:
        if not is_host_name(name):
            raise HallpassError("central names a page that no browser could ask for")
        try:
            write_file_atomically(unused, content, mode=0o600)
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(unused, password=b"none")
        except ssl.SSLError:
            raise HallpassError("what central gave for this room's pages is no certificate with its key") from None
        finally:
            remove_whatever(unused)
        validity = validity_of_pem(content, unused)
        if self._is_clock_trusted() and self._now() >= validity.not_after:
            raise HallpassError(f"the certificate for this room's pages {validity.problem(self._now())}")
        pages_own = PEM_CERTIFICATE.findall(content.decode("ascii"))[0]
        if not _bears(names_of_certificate(ssl.PEM_cert_to_DER_cert(pages_own)), name):
            raise HallpassError(f"the certificate for this room's pages does not bear the name {name}")
        return validity


def _bears(names: tuple[str, ...], wanted: str) -> bool:
    """Tell whether one of a certificate's names is the wanted one, or its star stands for it (RFC 9525, 6.3)."""
    return wanted in names or f"*.{wanted.partition('.')[2]}" in names
