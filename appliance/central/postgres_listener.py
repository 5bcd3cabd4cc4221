"""How one process of central hears what another has committed on PostgreSQL: LISTEN, and a net below it.

A module of its own, so that a central on SQLite never loads psycopg: nine megabytes.
"""

import contextlib
import time

import psycopg
from sqlalchemy import Engine

from appliance.central.change_channel import CHANNEL, Waker, drain, wait_for_input

NET_SECONDS = 3.0


class PostgresListener:
    """Waits for notifications on a connection of its own, which is made anew when it is lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waker = Waker()
        self._connection: psycopg.Connection | None = None
        self._look_at = 0.0  # monotonic: when the database is looked at, whatever was said

    def wait_for_change(self, timeout_seconds: float) -> bool:
        """Return True once something may have been committed, False after the timeout; or when it is woken.

        Something may always have been committed once `NET_SECONDS` are over. Raises ConnectionError where the
        database is away.
        """
        if self._connection is None:
            self._connection = self._listen()
            return self._has_news()  # who knows what was said before
        notified = self._connection.fileno()
        left = max(0.0, self._look_at - time.monotonic())
        ready = wait_for_input(min(timeout_seconds, left), notified, self._waker.receiver.fileno())
        drain(self._waker.receiver)
        if notified in ready:
            try:
                for _ in self._connection.notifies(timeout=0):
                    continue
            except psycopg.Error as problem:
                self._drop_connection()
                raise ConnectionError(str(problem)) from None
        return self._has_news() if ready or time.monotonic() >= self._look_at else False

    def wake(self) -> None:
        """Have the one who waits return now. From any thread."""
        self._waker.wake()

    def close(self) -> None:
        """Give back what it holds. By the one who waits."""
        self._drop_connection()
        self._waker.close()

    def _has_news(self) -> bool:
        self._look_at = time.monotonic() + NET_SECONDS
        return True

    def _listen(self) -> psycopg.Connection:
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            connection = psycopg.connect(url, autocommit=True, connect_timeout=5)
            connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as problem:
            raise ConnectionError(str(problem)) from None
        return connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
