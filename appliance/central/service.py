"""The central service of one school, as its pages and its machine interface see it.

One object holds the parts: the store, the feed, the publisher.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import select

from appliance.central.errors import CentralError
from appliance.central.feed import Feed
from appliance.central.lists.publisher import ListPublisher
from appliance.central.models import ProfileRow, SchoolRow
from appliance.central.sessions import CentralSessions
from appliance.central.sign_in import CentralSignIn
from appliance.central.store import Store
from appliance.settings.central import CentralSettings

# What a school starts with: REFERENCE of what primary schools publish about their filtering. Pupils: social
# networks, forums, chat and webmail closed by default; staff: what is closed for everybody.
STAFF_CATEGORIES = (
    "circumvention", "discrimination", "drugs", "extremism", "gambling", "hate_speech", "malware", "piracy",
    "pornography", "self_harm", "violence",
)  # fmt: skip
PUPIL_CATEGORIES = (
    *STAFF_CATEGORIES, "advertising", "ai_tools", "chat", "dating", "file_hosting", "forums", "games",
    "remote_control", "shopping", "shorteners", "social_networks", "streaming", "webmail",
)  # fmt: skip
LOCKED_CATEGORIES = ("malware", "pornography")


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


class Central:
    """The parts of a central service."""

    def __init__(self, settings: CentralSettings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.store = Store.from_settings(settings)
        self.sessions = CentralSessions(self.store, now)
        self.sign_in = CentralSignIn(self.store, now)
        self.feed = Feed(self.store, now)
        self.publisher = ListPublisher(self.store, settings.central.data, now)

    def prepare_database(self) -> None:
        """Bring the database to today's tables, and make the school where there is none yet."""
        self.settings.central.data.mkdir(parents=True, exist_ok=True)
        self.store.migrate()
        with self.store.write_session() as session:
            school = session.scalars(select(SchoolRow)).one_or_none()
            if school is None:
                school = SchoolRow(id=1, starter_list=True, locked_categories=list(LOCKED_CATEGORIES))
                session.add(school)
                session.add(
                    ProfileRow(name="pupils", closed=sorted(PUPIL_CATEGORIES), safe_search=True, keywords=True,
                               members=[], is_default=True)
                )  # fmt: skip
                session.add(
                    ProfileRow(name="staff", closed=sorted(STAFF_CATEGORIES), members=[], is_default=False)
                )
            school.name = self.settings.central.school
            school.timezone = self.settings.central.timezone

    def start(self) -> None:
        """Begin to watch and to compile; the lists are compiled once at each start."""
        self.feed.start()
        self.publisher.start()
        self.publisher.request_build()

    def stop(self) -> None:
        """Stop watching and compiling."""
        self.feed.stop()
        self.publisher.stop()
        self.store.close()


def open_central(settings: CentralSettings) -> Central:
    """Return the service for a command that changes something in it. Raises CentralError."""
    central = Central(settings)
    try:
        central.prepare_database()
    except OSError as problem:
        raise CentralError(f"{settings.central.data}: {problem.strerror}") from None
    return central
