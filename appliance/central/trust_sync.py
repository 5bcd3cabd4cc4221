"""Follows the trust: asks each minute what it has laid down, and tells it each five how the school is.

A trust that is away, refuses or hands over something that is not for this school changes nothing: what it laid
down last holds, and what is wrong is written down for who looks (`trust_membership.describe_condition`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from appliance.central import trust_membership, trust_numbers
from appliance.central.errors import CentralError
from appliance.central.key_file import KeyFile
from appliance.central.models import TrustContactRow, TrustMembershipRow
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.store import Store
from appliance.central.trust_openings import end_locked_openings
from appliance.trust_protocol import DocumentRefused

if TYPE_CHECKING:
    from appliance.central.trust_client import TrustClient

EVERY_SECONDS = 60.0
NUMBERS_EVERY = timedelta(minutes=5)
_WRITTEN_EVERY = timedelta(minutes=10)  # where all is well, each of several centrals writes no more often

log = logging.getLogger("hallpass.central")


class TrustSync:
    """The thread of one process of central that follows the trust; another process may have one too."""

    def __init__(
        self, store: Store, keys: KeyFile, now: Callable[[], datetime], lists_changed: Callable[[], None]
    ) -> None:
        """`lists_changed`: what compiles the lists anew."""
        self._store = store
        self._keys = keys
        self._now = now
        self._lists_changed = lists_changed
        self._numbers_sent: datetime | None = None
        self._thread = PeriodicThread("trust", self._look, every_seconds=EVERY_SECONDS, first_seconds=1.0)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._thread.stop()

    def follow_once(self) -> str:
        """Ask the trust, where the school belongs to one; return what is wrong, or "".

        Raises what SQLAlchemy raises.
        """
        with self._store.read_session() as session:
            row = trust_membership.find_membership(session)
        if row is None:
            return ""
        from appliance.central.trust_client import TrustClient  # noqa: PLC0415 (an HTTP client; most have no trust)

        problem = ""
        try:
            client = TrustClient(row.url, row.certificate, trust_membership.read_credential(row, self._keys))
            self._take_document(client, row)
            self._send_numbers(client)
        except (CentralError, DocumentRefused) as refused:
            problem = str(refused)
        self._note(problem)
        return problem

    def _take_document(self, client: "TrustClient", row: TrustMembershipRow) -> None:
        signed = client.fetch_document(row.digest)
        if signed is None or signed.digest == row.digest:
            return
        with self._store.write_session() as session:
            before = trust_membership.read_kept_document(session)
            document = trust_membership.accept_document(session, self._now(), signed)
            end_locked_openings(session, self._now())
        sources = document.sources if document.is_member else ()
        if sources != (before.sources if before is not None else ()):
            self._lists_changed()

    def _send_numbers(self, client: "TrustClient") -> None:
        now = self._now()
        with self._store.read_session() as session:
            document = trust_membership.read_kept_document(session)
            if document is None or (self._numbers_sent and now - self._numbers_sent < NUMBERS_EVERY):
                return
            numbers = trust_numbers.collect_numbers(session, now)
        client.send_numbers(numbers)
        self._numbers_sent = now

    def _note(self, problem: str) -> None:
        now = self._now()
        with self._store.read_session() as session:
            known = session.get(TrustContactRow, 1)
            if known is not None and known.problem == problem == "" and now - known.reached_at < _WRITTEN_EVERY:
                return
        if problem:
            log.warning("the trust: %s; what it laid down last holds", problem)
        with self._store.write_session(affects_rooms=False) as session:
            if trust_membership.find_membership(session) is not None:
                trust_membership.note_contact(session, now, problem)

    def _look(self) -> None:
        try:
            self.follow_once()
        except SQLAlchemyError as problem:
            log.info("the trust waits: %s", problem)
        except Exception:  # the one thread that follows must outlive whatever another's server says
            log.exception("following the trust stumbled")
