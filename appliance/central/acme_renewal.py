"""When the rooms' certificate by ACME is due, and what becomes of it; the order itself is a process that ends.

The certificate stands with those that are handed in (`page_certificates`), and comes to rooms as they do. It is
renewed when a third of its time is left. What fails is tried again after six hours: authorities count failures.
"""

import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from appliance.central.errors import CentralError, NotPossible
from appliance.central.models import PageCertificateRow
from appliance.central.page_certificates import read_pages
from appliance.central.store import Store
from appliance.files import read_regular_file, write_file_atomically
from appliance.settings.acme import AcmeSection
from appliance.settings.central import CentralSettings
from dns.errors import DECODING_FAILED

FOLDER, ACCOUNT_FILE, STATE_FILE = "acme", "account.key", "state.json"
BY = "ACME"
RENEW_AFTER = 2 / 3  # of a certificate's time
RETRY = timedelta(hours=6)
_MORE_SECONDS = 600.0  # than the two calls of the hook take
_MAX_WORDS = 500

log = logging.getLogger("hallpass.central")


class AcmeState(msgspec.Struct, frozen=True):
    """What became of the last order."""

    failed_at: datetime
    words: str


_decoder = msgspec.json.Decoder(AcmeState)


class NotRenewed(CentralError):
    """There is no new certificate; the message says why."""


class AcmeRenewal:
    """The rooms' certificate of one central's."""

    def __init__(
        self, config: Path, settings: AcmeSection, folder: Path, store: Store, now: Callable[[], datetime]
    ) -> None:
        """`config`: central's settings file, which the process reads; `folder`: where the account stands."""
        self._config = config
        self._settings = settings
        self._folder = folder
        self._store = store
        self._now = now

    @classmethod
    def from_settings(
        cls, config: Path, settings: CentralSettings, store: Store, now: Callable[[], datetime]
    ) -> "AcmeRenewal":
        """Return the one that a central's settings ask for. Raises CentralError where they ask for none."""
        if settings.central.acme is None:
            raise CentralError("there is no [central.acme] in the settings")
        return cls(config, settings.central.acme, settings.central.shared_folder / FOLDER, store, now)

    def renew_if_due(self) -> None:
        """Order a certificate where one is due. Never raises: the one that there is stays."""
        try:
            with self._store.read_session() as session:
                row = read_pages(session).rows.get(None)
            failure = read_failure(self._folder)
            waits = failure is not None and self._now() < failure.failed_at + RETRY
            if not waits and is_due(row, self._settings, self._now()):
                self.renew()
        except (CentralError, OSError, SQLAlchemyError) as problem:
            log.warning("the certificate for rooms' pages cannot be renewed: %s", problem)

    def renew(self) -> None:
        """Order a certificate now. Raises NotRenewed, OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "appliance.central.acme_process", str(self._config)]
        seconds = 2 * self._settings.hook_seconds + _MORE_SECONDS
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=seconds
            )
            words = done.stdout.decode(errors="replace").strip()[:_MAX_WORDS]
            failure = words or f"its process ended with {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"it took longer than {seconds:.0f} seconds"
        if failure:
            state = AcmeState(self._now(), failure)
            write_file_atomically(self._folder / STATE_FILE, msgspec.json.encode(state), mode=0o600)
            raise NotRenewed(failure)
        (self._folder / STATE_FILE).unlink(missing_ok=True)


def is_due(row: PageCertificateRow | None, settings: AcmeSection, now: datetime) -> bool:
    """Tell whether the rooms' certificate is another than it should be, or a third of its time is left."""
    if row is None or row.made_by != BY or row.name != settings.suffix.lower() or row.ends is None:
        return True
    return now >= row.made_at + RENEW_AFTER * (row.ends - row.made_at)


def refuse_beside_acme(settings: CentralSettings) -> None:
    """Raise NotPossible where every room's certificate is ordered, and no other may take its place."""
    if settings.central.acme is not None:
        raise NotPossible("[central.acme] sees to every room's certificate; take it out of the settings first")


def read_failure(folder: Path) -> AcmeState | None:
    """Return what went wrong last; None: nothing, or nothing that can be read."""
    try:
        return _decoder.decode(read_regular_file(folder / STATE_FILE))
    except (OSError, *DECODING_FAILED):
        return None


def list_conditions(settings: CentralSettings) -> list[str]:
    """Return what a person should know of it."""
    if settings.central.acme is None:
        return []
    failure = read_failure(settings.central.shared_folder / FOLDER)
    words = "" if failure is None else failure.words.strip().rstrip(".")
    return [f"The certificate for the rooms' pages cannot be renewed: {words}."] if words else []
