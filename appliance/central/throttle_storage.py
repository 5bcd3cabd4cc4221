"""The counts of how often something was tried, in central's database, so that several processes count together."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from limits.storage import Storage
from sqlalchemy import delete, or_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central.models import ThrottleRow
from appliance.central.store import Store
from appliance.sign_in_throttle import CODE_TRIES_OF_A_DAY

LONGEST_WINDOW = timedelta(seconds=CODE_TRIES_OF_A_DAY.get_expiry(), minutes=1)


class DatabaseStorage(Storage):
    """Where `limits` counts: one row a key, changed under the lock that all writers of the database take.

    What one thread does within `transaction` is committed together: each commit waits for the disk.
    """

    STORAGE_SCHEME = None

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._ambient = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Make one transaction of all that this thread counts in a block; not to be nested."""
        with self._store.write_session(affects_rooms=False) as session:
            self._ambient.session = session
            try:
                yield session
            finally:
                self._ambient.session = None

    @contextmanager
    def _write_session(self) -> Iterator[Session]:
        ambient = getattr(self._ambient, "session", None)
        if ambient is not None:
            yield ambient
            return
        with self._store.write_session(affects_rooms=False) as session:
            yield session

    @contextmanager
    def _read_session(self) -> Iterator[Session]:
        ambient = getattr(self._ambient, "session", None)
        if ambient is not None:
            yield ambient
            return
        with self._store.read_session() as session:
            yield session

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may raise."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a count, which begins anew where its window is over, and return it."""
        now = self._now()
        with self._write_session() as session:
            ahead = now + LONGEST_WINDOW  # what ends later was counted by a clock that was ahead
            over = or_(ThrottleRow.expires <= now, ThrottleRow.expires > ahead)
            session.execute(delete(ThrottleRow).where(over))
            row = session.get(ThrottleRow, key)
            if row is None:
                row = ThrottleRow(key=key, count=0, expires=now + timedelta(seconds=expiry))
                session.add(row)
            row.count += amount
            return row.count

    def get(self, key: str) -> int:
        """Return a count."""
        row = self._row(key)
        return row.count if row is not None else 0

    def get_expiry(self, key: str) -> float:
        """Return when a window ends, in Unix seconds."""
        row = self._row(key)
        return (row.expires if row is not None else self._now()).timestamp()

    def check(self) -> bool:
        """Tell whether counts can be read."""
        try:
            self._row("")
        except SQLAlchemyError:
            return False
        return True

    def reset(self) -> int | None:
        """Forget every count."""
        with self._write_session() as session:
            session.execute(delete(ThrottleRow))
        return None

    def clear(self, key: str) -> None:
        """Forget a count."""
        with self._write_session() as session:
            session.execute(delete(ThrottleRow).where(ThrottleRow.key == key))

    def _row(self, key: str) -> ThrottleRow | None:
        with self._read_session() as session:
            row = session.get(ThrottleRow, key)
        now = self._now()
        return row if row is not None and now < row.expires <= now + LONGEST_WINDOW else None
