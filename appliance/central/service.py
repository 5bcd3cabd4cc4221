"""The central service of one school, as its pages and its machine interface see it.

One object holds the parts: the store, the feed, the publisher.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from appliance.central import log_keys, notices
from appliance.central.acme_renewal import AcmeRenewal
from appliance.central.audit_check import AuditChecker
from appliance.central.audit_days import count_new_entries
from appliance.central.clock_guard import FILE_NAME as CLOCK_FILE
from appliance.central.clock_guard import CentralClockGuard, ClockJumps
from appliance.central.epoch import EpochFile
from appliance.central.errors import CentralError
from appliance.central.feed import Feed
from appliance.central.incidents.retention import prune_incidents
from appliance.central.key_file import FILE_NAME, KeyFile, KeyFileUnusable
from appliance.central.lists.downloads import DownloadSlots, UplinkCap
from appliance.central.lists.handed_in_upkeep import prune_files
from appliance.central.lists.publisher import ListPublisher
from appliance.central.lookups import prune_lookups
from appliance.central.mail_outbox import prune_mails
from appliance.central.mail_sender import MailSender
from appliance.central.metrics import render_central
from appliance.central.new_school import make_school_if_none
from appliance.central.page_certificates import prune_taken_back
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.room_budget import RoomBudget
from appliance.central.room_health import HealthWriter
from appliance.central.room_presence import RoomPresence
from appliance.central.room_sign_ins import prune_room_sign_ins
from appliance.central.room_targets import RoomTargets
from appliance.central.rooms_tls_files import RoomsTlsFiles
from appliance.central.school_identity import IdentityReader, SchoolIdentity
from appliance.central.sessions import CentralSessions
from appliance.central.sign_in import CentralSignIn, prune_known_devices
from appliance.central.store import Store
from appliance.central.trust_sync import TrustSync
from appliance.central.upkeep import Upkeep
from appliance.central.webhook_sender import WebhookSender
from appliance.central.webhooks import prune_deliveries
from appliance.clock_jumps import seconds_since_boot
from appliance.files import keep_files_private
from appliance.metrics.server import MetricsServer
from appliance.settings.central import CentralSettings
from appliance.settings.openid import CALLBACK_PATH

if TYPE_CHECKING:
    from appliance.central.decision_preview import DecisionPreview
    from appliance.central.openid_provider import OpenIdProvider

ROOMS_TLS_SECONDS = 60.0  # another machine's command may have made another authority
SIGNER_SECONDS = 3600.0
ACME_SECONDS = 3600.0
FIRST_ACME_SECONDS = 60.0
FIRST_SIGNER_SECONDS = 30.0  # after the start, which signs what it compiles

log = logging.getLogger("hallpass.central")


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


class Central:
    """The parts of a central service."""

    def __init__(
        self,
        settings: CentralSettings,
        now: Callable[[], datetime] = utc_now,
        *,
        uptime: Callable[[], float] = seconds_since_boot,
        serves_rooms: bool = False,
    ) -> None:
        self.settings = settings
        self.now = now
        self.store = Store.from_settings(settings)
        first = SchoolIdentity(settings.central.school, settings.central.timezone)
        self.identity = IdentityReader(self.store, first)
        self.sessions = CentralSessions(self.store, now)
        self.keys = KeyFile(settings.central.key_file or settings.central.shared_folder / FILE_NAME)
        self.rooms_tls = RoomsTlsFiles(self.store, self.keys, settings.central.data, now)
        self.sign_in = CentralSignIn(self.store, now, self.keys)
        self.epoch_file = EpochFile(settings.central.shared_folder / "epoch")
        clock_file = settings.central.data / CLOCK_FILE
        jumps = ClockJumps(clock_file, now, uptime)
        self.targets = RoomTargets(self.store, self.epoch_file, now, jumps, has_every_room=serves_rooms)
        self.feed = Feed(self.store, self.targets, now)
        self.presence = RoomPresence(self.store, self.feed, now)
        self.health = HealthWriter(self.store, self.feed.connected_rooms, now)
        self.room_budget = RoomBudget(settings.central.room_messages_per_day)
        self.download_slots = DownloadSlots(settings.central.index_downloads)
        self.uplink_cap = UplinkCap(settings.central.uplink_mbit)
        self.publisher = ListPublisher(self.store, settings.central.shared_folder, self.keys, now)
        self.mail = MailSender(self.store, settings.mail, now, write_due=self.write_due_digests)
        self.webhooks = WebhookSender(self.store, settings, self.keys, now)
        self.trust_sync = TrustSync(self.store, self.keys, now, self.publisher.request_build)
        self.audit_checker = AuditChecker(settings, now)
        self.upkeep = Upkeep(
            self.store,
            now,
            CentralClockGuard(clock_file),
            (
                prune_mails,
                prune_room_sign_ins,
                prune_known_devices,
                prune_deliveries,
                prune_taken_back,
                partial(prune_incidents, days=settings.central.incident_days),
                partial(prune_lookups, days=settings.central.lookup_days),
                partial(prune_files, folder=settings.central.handed_in_folder),
                count_new_entries,
            ),
        )
        render = partial(render_central, self.store, self.publisher, settings.central.shared_folder, now)
        self.metrics = MetricsServer(settings.metrics, render) if settings.metrics is not None else None
        self._rooms_tls_thread = PeriodicThread(
            "rooms tls", self.rooms_tls.refresh, every_seconds=ROOMS_TLS_SECONDS
        )
        self._signer_thread = PeriodicThread(
            "list signer", self.publisher.signer.renew, every_seconds=SIGNER_SECONDS,
            first_seconds=FIRST_SIGNER_SECONDS,
        )  # fmt: skip
        self._acme_thread: PeriodicThread | None = None
        self._preview: DecisionPreview | None = None
        self._openid: OpenIdProvider | None = None

    @property
    def preview(self) -> "DecisionPreview":
        """What looks ahead; made when first needed: only the pages' process does."""
        if self._preview is None:
            from appliance.central.decision_preview import DecisionPreview  # noqa: PLC0415 (words and lists)

            self._preview = DecisionPreview(self.publisher.folders.find_index, self.now)
        return self._preview

    @property
    def openid(self) -> "OpenIdProvider | None":
        """The provider by which people sign in, or None; made when first needed."""
        if self._openid is None and self.settings.openid is not None:
            from appliance.central.openid_provider import OpenIdProvider  # noqa: PLC0415 (an HTTP client)

            back = self.settings.central.url.rstrip("/") + CALLBACK_PATH
            self._openid = OpenIdProvider(self.settings.openid, back)
        return self._openid

    def forget_openid_provider(self) -> None:
        """Make the provider anew when it is needed next: its settings are others."""
        self._openid = None

    def write_due_digests(self) -> None:
        """Put the digests that are due into the outbox. Raises what SQLAlchemy raises."""
        with self.store.read_session() as session:
            if not notices.has_due_digest(session, self.now()):
                return
        with self.store.write_session(affects_rooms=False) as session:
            notices.send_due_digests(session, self.now(), url=self.settings.central.url)

    def prepare_database(self) -> None:
        """Bring the database to today's tables, and make the school where there is none yet."""
        self.settings.central.data.mkdir(parents=True, exist_ok=True)
        self.settings.central.shared_folder.mkdir(parents=True, exist_ok=True)
        self.store.migrate()
        self.epoch_file.begin_epoch_if_restored(self.store, self.now())  # before anything is counted
        self._wrap_log_keys()
        make_school_if_none(self.store, self.settings)

    def _wrap_log_keys(self) -> None:
        """Wrap what stands in the clear since before keys were wrapped; where that fails, central goes on."""
        with self.store.read_session() as session:
            if not log_keys.has_unwrapped_keys(session):
                return
        try:
            with self.store.write_session(affects_rooms=False) as session:
                log_keys.wrap_keys(session, self.keys)
        except KeyFileUnusable as problem:
            log.warning("the keys of the rooms' logs are not wrapped: %s", problem)

    def start_feed(self) -> None:
        """Begin to wake rooms and pages, and to write down how rooms are."""
        self.feed.start()
        self.health.start()
        self.presence.start()

    def start_rooms_tls(self) -> None:
        """Begin to renew what rooms are shown of central."""
        self._rooms_tls_thread.start()

    def start_publisher(self) -> None:
        """Begin to compile; the lists are compiled once at each start."""
        self.publisher.start()
        self.publisher.request_build()

    def start_mail(self) -> None:
        """Begin to send what waits for the mail server."""
        self.mail.start()

    def start_webhooks(self) -> None:
        """Begin to tell other services what they want to hear of."""
        self.webhooks.start()

    def start_trust(self) -> None:
        """Begin to follow the trust, where the school belongs to one."""
        self.trust_sync.start()

    def start_upkeep(self) -> None:
        """Begin to delete what has been kept for long enough, and to sign anew what ends soon."""
        self.upkeep.start()
        self._signer_thread.start()

    def start_acme(self, config: Path) -> None:
        """Begin to order the rooms' certificate, where the settings say so; `config`: their file."""
        if self.settings.central.acme is not None:
            renew = AcmeRenewal.from_settings(config, self.settings, self.store, self.now).renew_if_due
            self._acme_thread = PeriodicThread(
                "acme", renew, every_seconds=ACME_SECONDS, first_seconds=FIRST_ACME_SECONDS
            )
            self._acme_thread.start()

    def start_metrics(self) -> None:
        """Begin to serve figures, where the settings say so."""
        if self.metrics is not None:
            self.metrics.start()

    def stop(self) -> None:
        """Stop everything that was started."""
        if self.metrics is not None:
            self.metrics.stop()
        self.feed.stop()
        self.health.stop()
        self.presence.stop()
        self._rooms_tls_thread.stop()
        self.publisher.stop()
        self.mail.stop()
        self.webhooks.stop()
        self.trust_sync.stop()
        self.audit_checker.stop()
        self.upkeep.stop()
        self._signer_thread.stop()
        if self._acme_thread is not None:
            self._acme_thread.stop()
        self.store.close()


def open_central(settings: CentralSettings) -> Central:
    """Return the service for a command that changes something in it. Raises CentralError."""
    keep_files_private(settings.central.data)
    central = Central(settings)
    try:
        central.prepare_database()
    except OSError as problem:
        raise CentralError(f"{problem.filename or settings.central.data}: {problem.strerror}") from None
    except DBAPIError as problem:
        raise central.store.unusable(problem) from None
    return central
