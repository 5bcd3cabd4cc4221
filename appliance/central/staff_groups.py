"""Which groups of devices are the staff's: their incidents and look-ups are the head's alone.

A group stays the staff's under whatever name it gets, and so does a copy of it. The names of before stay in the
list as well: logs in rooms have lines with them, and messages may be under way. It only grows: no change of a
profile hands what staff devices did to somebody else.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import SchoolRow

MAX_NAMES = 100  # what a room is told of them with a question


def read_staff_groups(session: Session) -> frozenset[str]:
    """Return the groups of devices that are the staff's, by every name that they have had."""
    return frozenset(session.scalars(select(SchoolRow)).one().staff_groups)


def keep_staff(session: Session, *, of: str, name: str) -> None:
    """Let a group of another name be the staff's where the group `of` is."""
    school = session.scalars(select(SchoolRow)).one()
    if of in school.staff_groups and name not in school.staff_groups:
        school.staff_groups = [*school.staff_groups, name][-MAX_NAMES:]
