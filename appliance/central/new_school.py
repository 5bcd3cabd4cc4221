"""What a school has before anybody has set anything: its name, the groups of pupils and staff, what is closed."""

import logging

from sqlalchemy import select

from appliance.central.models import ProfileRow, SchoolRow
from appliance.central.store import Store
from appliance.settings.central import CentralSettings

# As primary schools publish of their filtering. Pupils: social networks, forums, chat and webmail closed by
# default; staff: what is closed for everybody.
STAFF_CATEGORIES = (
    "circumvention", "discrimination", "drugs", "extremism", "gambling", "hate_speech", "malware", "piracy",
    "pornography", "self_harm", "violence",
)  # fmt: skip
PUPIL_CATEGORIES = (
    *STAFF_CATEGORIES, "advertising", "ai_tools", "chat", "dating", "file_hosting", "forums", "games",
    "remote_control", "shopping", "shorteners", "social_networks", "streaming", "webmail",
)  # fmt: skip
LOCKED_CATEGORIES = ("malware", "pornography")

log = logging.getLogger("hallpass.central")


def make_school_if_none(store: Store, settings: CentralSettings) -> None:
    """Write a school down where there is none; else nothing: a server may start on a disk that is full."""
    if not _has_school(store, settings):
        _write_school(store, settings)


def _has_school(store: Store, settings: CentralSettings) -> bool:
    with store.read_session() as session:
        school = session.scalars(select(SchoolRow)).one_or_none()
    if school is None:
        return False
    for word, is_set, in_file in (
        ("school", school.name, settings.central.school),
        ("timezone", school.timezone, settings.central.timezone),
    ):
        if is_set != in_file:
            log.info("%s = %r in the settings is what a new central begins with; here it is %r, as set on the "
                     "page School", word, in_file, is_set)  # fmt: skip
    return True


def _write_school(store: Store, settings: CentralSettings) -> None:
    with store.write_session(affects_rooms=False) as session:
        if session.scalars(select(SchoolRow)).one_or_none() is not None:
            return  # by another process that started at the same time
        session.add(
            SchoolRow(id=1, name=settings.central.school, timezone=settings.central.timezone, starter_list=True,
                      locked_categories=list(LOCKED_CATEGORIES))
        )  # fmt: skip
        session.add(
            ProfileRow(name="pupils", closed=sorted(PUPIL_CATEGORIES), safe_search=True, keywords=True,
                       members=[], is_default=True)
        )  # fmt: skip
        session.add(ProfileRow(name="staff", closed=sorted(STAFF_CATEGORIES), members=[], is_default=False))
