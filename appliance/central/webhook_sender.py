"""Tells webhooks what waits for them: one POST each, signed as Standard Webhooks asks, and again where it fails.

A service that is away, hangs or answers nonsense costs this thread `CALL_SECONDS`, and its other deliveries wait
for it without being tried; those of other services go on. A delivery may arrive twice, under the same
`webhook-id`; redirects are not followed. What fails `FAILURES_BEFORE_PAUSE` times in a row is put aside, and said.
"""

import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import outbox_queue, webhooks
from appliance.central.errors import CentralError
from appliance.central.key_file import KeyFile
from appliance.central.models import WebhookDeliveryRow, WebhookRow
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.store import Store
from appliance.settings.central import CentralSettings

if TYPE_CHECKING:
    from blocklists.download_targets import TargetPolicy

POLL_SECONDS = 5.0
LOOK_AT_ROOMS_SECONDS = 30.0
CALL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
BATCH = 50
CLAIM = timedelta(minutes=10)  # longer than a batch in which every service hangs
MAX_AGE = timedelta(days=2)

log = logging.getLogger("hallpass.central")


class Delivery(msgspec.Struct, frozen=True):
    """Something to tell, as it was taken from the table."""

    id: int
    webhook_id: int
    url: str
    secret: str  # sealed
    text: str
    queued_at: datetime
    tries: int


class WebhookSender:
    """The thread of one process of central that tells webhooks; another process may have one too."""

    def __init__(
        self,
        store: Store,
        settings: CentralSettings,
        keys: KeyFile,
        now: Callable[[], datetime],
        *,
        policy: "TargetPolicy | None" = None,
    ) -> None:
        """`policy`: what counts as the internet; a test on loopback says otherwise."""
        self._store = store
        self._settings = settings
        self._keys = keys
        self._now = now
        self._policy = policy
        self._looked_at_rooms = float("-inf")
        self._thread = PeriodicThread("webhooks", self._look, every_seconds=POLL_SECONDS)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell no more; what is under way is tried again by whoever comes next."""
        self._thread.stop()

    def send_due(self) -> int:
        """Tell what is due, and return how much was taken. Raises what SQLAlchemy raises."""
        with self._store.read_session() as session:
            if not outbox_queue.has_due(session, WebhookDeliveryRow, self._now()):
                return 0
        with self._store.write_session(affects_rooms=False) as session:
            taken, given_up = outbox_queue.take_due(
                session, WebhookDeliveryRow, self._now(), limit=BATCH, claim=CLAIM, max_age=MAX_AGE
            )
            if given_up:
                log.error("%d deliveries to webhooks were given up after two days", len(given_up))
            found = [(row, session.get(WebhookRow, row.webhook_id)) for row in taken]
            deliveries = [
                Delivery(row.id, hook.id, hook.url, hook.secret, row.text, row.queued_at, row.tries)
                for row, hook in found
                if hook is not None
            ]
        sent, failed = 0, set[int]()
        for one in deliveries:
            if one.webhook_id in failed:
                self._record_failure(one, "it waits for the one before", was_tried=False)
            elif error := self._call(one):
                failed.add(one.webhook_id)
                log.warning("a webhook could not be told: %s", error)
                self._record_failure(one, error)
            else:
                sent += 1
                self._record_success(one)
        return sent

    def _record_success(self, one: Delivery) -> None:
        with self._store.write_session(affects_rooms=False) as session:
            outbox_queue.mark_sent(session, WebhookDeliveryRow, self._now(), one.id)
            hook = session.get(WebhookRow, one.webhook_id)
            if hook is not None:
                hook.failures = 0

    def _record_failure(self, one: Delivery, error: str, *, was_tried: bool = True) -> None:
        with self._store.write_session(affects_rooms=False) as session:
            again = self._now() + outbox_queue.pause_after(one.tries)
            outbox_queue.mark_failed(
                session, WebhookDeliveryRow, (one.id,), error=error, next_try_at=again, was_tried=was_tried
            )
            if was_tried and webhooks.note_failure(session, self._now(), one.webhook_id, error):
                log.error("a webhook was put aside: it failed %d times in a row", webhooks.FAILURES_BEFORE_PAUSE)

    def _call(self, one: Delivery) -> str:
        """Send one, and return why it was not taken; "": it was."""
        try:
            secret = self._keys.unseal(webhooks.PURPOSE, one.secret)
            status = post(one, secret, self._settings, self._now(), self._policy)
        except CentralError as problem:
            return str(problem)
        except Exception as problem:  # noqa: BLE001 (whatever another's server does must not end this thread)
            return str(problem) or type(problem).__name__
        if 200 <= status < 300:
            return ""
        return f"it answers {status}" + (" (redirects are not followed)" if 300 <= status < 400 else "")

    def _look(self) -> None:
        try:
            if time.monotonic() - self._looked_at_rooms >= LOOK_AT_ROOMS_SECONDS:
                self._looked_at_rooms = time.monotonic()
                with self._store.read_session() as session:
                    is_wanted = bool(webhooks.list_webhooks(session))
                if is_wanted:
                    with self._store.write_session(affects_rooms=False) as session:
                        webhooks.note_rooms(session, self._now())
            self.send_due()
        except SQLAlchemyError as problem:
            log.info("webhooks wait: %s", problem)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message (Standard Webhooks, "Signature scheme", symmetric)."""
    key = base64.b64decode(secret.removeprefix(webhooks.SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def post(
    one: Delivery, secret: str, settings: CentralSettings, now: datetime, policy: "TargetPolicy | None" = None
) -> int:
    """Send a message once and return the status. Raises FetchFailed, httpcore's errors, or ValueError."""
    import httpcore  # noqa: PLC0415 (only where there is a webhook)

    from appliance.central.webhook_targets import DeadlineBackend, WebhookGuard, own_ports  # noqa: PLC0415
    from blocklists.download_targets import TargetPolicy  # noqa: PLC0415

    url = httpcore.URL(one.url)
    guard = WebhookGuard(policy or TargetPolicy(), url.host.decode("ascii"), own_ports(settings))
    guard.check_name(url.host.decode("ascii"))
    body, message_id = one.text.encode(), f"msg_{one.id}_{one.queued_at.timestamp():.0f}"
    timestamp = int(now.timestamp())
    headers: dict[bytes | str, bytes | str] = {
        "Host": url.host.decode("ascii") + (f":{url.port}" if url.port else ""),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "Hallpass",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }
    backend = DeadlineBackend(guard, time.monotonic() + CALL_SECONDS)
    with (
        httpcore.ConnectionPool(network_backend=backend, max_connections=1, retries=0) as pool,
        pool.stream("POST", url, headers=headers, content=body) as response,
    ):
        left = MAX_ANSWER_BYTES
        for piece in response.iter_stream():
            left -= len(piece)
            if left < 0:
                break
        return int(response.status)
