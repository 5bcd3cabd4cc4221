"""The files by which central shows its rooms a certificate, made from the authorities in the database.

Each machine of central's has its own, for its own data folder. The servers read them when they change
(`appliance.pinned_tls`), so that whoever makes them is no part of a server.
"""

import contextlib
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from appliance.central.key_file import KeyFile
from appliance.central.models import RoomAuthorityRow
from appliance.central.room_keys import list_authorities
from appliance.central.store import Store
from appliance.certificate_validity import validity_of_pem
from appliance.errors import HallpassError
from appliance.files import read_regular_file, remove_whatever, write_file_atomically
from appliance.pinned_tls import AUTHORITIES_FILE, PEM_CERTIFICATE, authority_id_of

FOLDER = "rooms-tls"
RENEW_DAYS = 270.0  # before the end of one that holds for 400: a central that was off for long comes back with it

log = logging.getLogger("hallpass.central")


class RoomsTlsFiles:
    """The files of one machine."""

    def __init__(self, store: Store, keys: KeyFile, folder: Path, now: Callable[[], datetime]) -> None:
        self._store = store
        self._keys = keys
        self.folder = folder / FOLDER
        self._now = now

    def refresh(self) -> None:
        """Make what is missing or ends soon, the first authority too.

        Never raises: those of before stay in use.
        """
        try:
            if not self.are_current():
                self._write()
        except (HallpassError, SQLAlchemyError, OSError, ValueError) as problem:
            log.warning("what rooms see of central cannot be renewed: %s", problem)

    def are_current(self) -> bool:
        """Tell whether the files are those of the authorities, and hold. Raises what SQLAlchemy raises."""
        with self._store.read_session() as session:
            trusted = list_authorities(session)
        found = self._ids()
        if not trusted or not found >= {row.id for row in trusted} or found & self._ended():
            return False
        try:
            stored = read_regular_file(self.folder / AUTHORITIES_FILE).decode("ascii")
            return all(row.certificate in stored for row in trusted) and all(
                self._days_left(self.folder / f"{row.id}.pem") > RENEW_DAYS for row in trusted
            )
        except (OSError, ValueError, HallpassError):
            return False

    def _ids(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.pem") if path.name != AUTHORITIES_FILE}

    def _ended(self) -> set[str]:
        """Return the authorities that are trusted no more."""
        with self._store.read_session() as session:
            ended = select(RoomAuthorityRow.id).where(RoomAuthorityRow.ended_at.is_not(None))
            return set(session.scalars(ended))

    def _read_unknown(self) -> str:
        """Return the authorities that the database does not know, as it was put back to before they were made.

        Rooms that have learned of them come in by them still, and go back to the one that the database knows.
        """
        with self._store.read_session() as session:
            known = set(session.scalars(select(RoomAuthorityRow.id)))
        with contextlib.suppress(OSError, ValueError):
            stored = read_regular_file(self.folder / AUTHORITIES_FILE).decode("ascii")
            found = [f"{one}\n" for one in PEM_CERTIFICATE.findall(stored)]
            return "".join(
                one for one in found if authority_id_of(ssl.PEM_cert_to_DER_cert(one)) in self._ids() - known
            )
        return ""

    def _days_left(self, path: Path) -> float:
        return validity_of_pem(read_regular_file(path), path).days_left(self._now().timestamp())

    def _write(self) -> None:
        from appliance.central.rooms_authority import (  # noqa: PLC0415 (nine megabytes, once in months)
            require_authority,
            unseal_authority,
        )
        from appliance.central.x509_certificates import sign_server  # noqa: PLC0415 (as above)

        with self._store.read_session() as session:
            rows = list_authorities(session)
        if not rows:
            with self._store.write_session() as session:
                require_authority(session, self._keys, self._now())
                rows = list_authorities(session)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for row in rows:
            content = sign_server(unseal_authority(self._keys, row), self._now())
            write_file_atomically(self.folder / f"{row.id}.pem", content, mode=0o600)
        authorities = "".join(row.certificate for row in rows) + self._read_unknown()
        for name in self._ended():
            remove_whatever(self.folder / f"{name}.pem")
        write_file_atomically(
            self.folder / AUTHORITIES_FILE, authorities.encode(), mode=0o600
        )  # last: it is watched
