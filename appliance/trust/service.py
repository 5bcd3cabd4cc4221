"""The service of a trust: its database, its key, and who comes in.

It stands on what a central stands on: the store, the audit, the file with the key, the epoch, accounts. What it
does not have is anything of a school: no rooms, no lists, no devices. `appliance.commands.trust` runs it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from appliance.central import service
from appliance.central.errors import CentralError
from appliance.central.models import TrustSchoolRow
from appliance.central.service import Central
from appliance.metrics.server import MetricsServer
from appliance.settings.central import CentralSettings
from appliance.trust import documents, schools, state
from appliance.trust.metrics import render_trust
from appliance.trust_protocol import SchoolNumbers, SignedDocument

SEEN_STEP_SECONDS = 60.0  # so exactly is kept when a school was heard of


class Trust:
    """A trust's service, over the parts of a central that it uses."""

    def __init__(self, central: Central) -> None:
        self.central = central
        self.store = central.store
        self.keys = central.keys
        self.settings = central.settings
        self.digests = documents.DocumentDigests()
        figures = self.settings.metrics
        self._metrics = MetricsServer(figures, self.render_figures) if figures is not None else None

    @property
    def now(self) -> Callable[[], datetime]:
        """Return the clock."""
        return self.central.now

    def prepare(self) -> None:
        """Begin a new epoch where the database was restored. Raises NoTrust where it is no trust's."""
        with self.store.read_session() as session:
            if state.is_epoch_current(session, state.require_trust(session)):
                return
        with self.store.write_session(affects_rooms=False) as session:
            state.begin_epoch_if_restored(session, self.now())

    def start(self) -> None:
        """Begin to delete what has been kept for long enough, and to serve figures where the settings say so."""
        self.central.upkeep.start()
        if self._metrics is not None:
            self._metrics.start()

    def stop(self) -> None:
        """Stop everything that was started."""
        if self._metrics is not None:
            self._metrics.stop()
        self.central.stop()

    def render_figures(self) -> bytes:
        """Return the figures for Prometheus."""
        return render_trust(self.store, self.settings.central.shared_folder, self.now, self.digests)

    def enrol(self, token: str, credential_hash: str) -> SignedDocument | None:
        """Let a school's central in, and return its document; None: the token is of no use."""
        with self.store.write_session(affects_rooms=False) as session:
            school = schools.enrol_school(session, self.now(), token=token, credential_hash=credential_hash)
            return None if school is None else self._tell(session, school)

    def read_document(self, school_id: str) -> SignedDocument:
        """Return a school's document, and note that it was here."""
        self.prepare()
        with self.store.read_session() as session:
            school = session.get_one(TrustSchoolRow, school_id)
            found = self._tell(session, school)
        self._note_seen(school)
        return found

    def receive_numbers(self, school_id: str, numbers: SchoolNumbers) -> None:
        """Keep what a school says of itself."""
        with self.store.write_session(affects_rooms=False) as session:
            school = session.get_one(TrustSchoolRow, school_id)
            school.last_seen = school.numbers_at = self.now()
            school.numbers = msgspec.json.decode(msgspec.json.encode(numbers))  # as JSON holds it

    def _tell(self, session: Session, school: TrustSchoolRow) -> SignedDocument:
        revisions = self.store.revisions()
        self.central.epoch_file.remember(revisions.epoch, revisions.rooms)
        return documents.make_document(session, self.keys, school)

    def _note_seen(self, school: TrustSchoolRow) -> None:
        now = self.now()
        if school.last_seen is not None and abs((now - school.last_seen).total_seconds()) < SEEN_STEP_SECONDS / 2:
            return
        with self.store.write_session(affects_rooms=False) as session:
            session.get_one(TrustSchoolRow, school.id).last_seen = now


def open_trust(settings: CentralSettings) -> Trust:
    """Return the trust of a settings file. Raises NoTrust where the database is a school's, or CentralError."""
    trust = Trust(service.open_central(settings))
    try:
        trust.prepare()
    except CentralError:
        trust.store.close()
        raise
    return trust


@contextmanager
def trust_session(settings: CentralSettings) -> Iterator[tuple[Trust, Session]]:
    """Give a trust, and a session that is committed at the end. Raises CentralError."""
    trust = open_trust(settings)
    try:
        with trust.store.write_session() as session:
            yield trust, session
    finally:
        trust.store.close()
