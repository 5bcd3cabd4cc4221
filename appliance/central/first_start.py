"""A school's first start: what is done of it, worked out from what is there and never from a tick of its own.

The school is confirmed while the newest confirmation in the audit says what the school is called now, with its
time zone and week. The people are named as their accounts say; a role may be put off, which is kept as somebody's
decision. The lists are in use where one is subscribed to. The first room is done once it was seen.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from appliance.central import account_links, account_management, accounts, audit, rooms, school_year
from appliance.central.account_links import NewLink
from appliance.central.account_management import NAMED_ROLES
from appliance.central.errors import NotPossible
from appliance.central.models import AuditRow, PostponementRow, SchoolRow, SourceRow, UserRow
from appliance.rights import ROLE_WORDS, ROLES, Role

Step = Literal["school", "people", "lists", "room"]
STEPS: tuple[Step, ...] = ("school", "people", "lists", "room")
CONFIRMED = "school confirmed"  # in the audit
_WHOLE = "first start"  # put off as a whole: Home offers it no more
_MAX_NAME_LENGTH = 200
_MAX_USERNAME_LENGTH = 48


class StartedRoom(msgspec.Struct, frozen=True):
    """A room that is enrolled."""

    id: int
    name: str
    was_seen: bool


class Invitation(msgspec.Struct, frozen=True):
    """Somebody who was added, and the link by which they set their password."""

    username: str
    link: NewLink


class FirstStart(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a school."""

    name: str
    timezone: str
    week: tuple[str, ...]
    is_confirmed: bool
    holders: Mapping[Role, tuple[str, ...]]  # of each role that has to be named, the people's names
    put_off: frozenset[Role]
    lists: int
    rooms: tuple[StartedRoom, ...]
    is_put_away: bool

    @property
    def done(self) -> frozenset[Step]:
        """The steps that are done."""
        truths: dict[Step, bool] = {
            "school": self.is_confirmed,
            "people": all(self.holders[role] or role in self.put_off for role in NAMED_ROLES),
            "lists": self.lists > 0,
            "room": any(room.was_seen for room in self.rooms),
        }
        return frozenset(step for step, is_true in truths.items() if is_true)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.done) == len(STEPS)

    @property
    def next_step(self) -> Step | None:
        """The first step that is not done; none where it is finished."""
        return next((step for step in STEPS if step not in self.done), None)

    @property
    def unnamed(self) -> tuple[Role, ...]:
        """The roles that nobody has, those that are put off among them."""
        return tuple(role for role in NAMED_ROLES if not self.holders[role])


def read_first_start(session: Session, now: datetime) -> FirstStart:
    """Return what is done of the first start."""
    school = session.scalars(select(SchoolRow)).one()
    week = school_year.read_school_year(session).week
    put_off = set(session.scalars(select(PostponementRow.subject)))
    return FirstStart(
        name=school.name,
        timezone=school.timezone,
        week=week,
        is_confirmed=_last_confirmation(session) == _school_words(school, week),
        holders=_list_holders(session, now),
        put_off=frozenset(role for role in NAMED_ROLES if role in put_off),
        lists=session.scalar(select(func.count()).select_from(SourceRow)) or 0,
        rooms=tuple(StartedRoom(one.id, one.name, one.last_seen is not None) for one in rooms.list_rooms(session)),
        is_put_away=_WHOLE in put_off,
    )


def confirm_school(session: Session, now: datetime, *, week: list[str], by: str) -> None:
    """Keep the school's week, and that somebody found it right with name and time zone. Raises NotPossible."""
    school_year.set_school_week(session, now, week=week, by=by)
    school = session.scalars(select(SchoolRow)).one()
    words = _school_words(school, school_year.read_school_year(session).week)
    if _last_confirmation(session) != words:
        audit.record_audit(session, now, by, CONFIRMED, words)


def invite(session: Session, now: datetime, *, role: str, name: str, username: str, by: str) -> Invitation:
    """Add an account that has a role which nobody has yet. Raises NotPossible."""
    wanted = _unnamed_role(session, now, role)
    name = name.strip()
    if not name or len(name) > _MAX_NAME_LENGTH:
        raise NotPossible("please say what they are called")
    user = accounts.add_account(
        session, now, username=username.strip() or suggest_username(session, name), name=name, roles=(wanted,),
        password=None, by=by,
    )  # fmt: skip
    session.flush()
    return Invitation(user.username, account_links.make_link(session, now, username=user.username, by=by))


def give_role(session: Session, now: datetime, *, role: str, username: str, by: str) -> None:
    """Give somebody who has an account a role that nobody has yet as well. Raises NotFound or NotPossible."""
    wanted = _unnamed_role(session, now, role)
    user = account_management.get_account(session, username)
    account_management.change_account(
        session, now, username=username, name=user.name, roles=(*accounts.roles_of(user), wanted), ends=user.ends,
        room_ids=user.room_ids, by=by,
    )  # fmt: skip


def put_off_role(session: Session, now: datetime, *, role: str, by: str) -> None:
    """Leave a role for later. Raises NotPossible for one that a school need not name."""
    _put_off(session, now, _named_role(role), by)


def take_up_role(session: Session, *, role: str) -> None:
    """Have a role that was left for later asked for again."""
    _take_up(session, _named_role(role))


def put_away(session: Session, now: datetime, *, by: str) -> None:
    """Have Home offer the first start no more."""
    _put_off(session, now, _WHOLE, by)


def bring_back(session: Session) -> None:
    """Have Home offer the first start again."""
    _take_up(session, _WHOLE)


def suggest_username(session: Session, name: str) -> str:
    """Return a user name that nobody has, made of how somebody is called: "Zoë Lead" becomes zoe.lead."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = ["".join(letter for letter in word if letter.isalnum()) for word in plain.split()]
    base = ".".join(word for word in words if word)[:_MAX_USERNAME_LENGTH].strip(".") or "colleague"
    taken = set(
        session.scalars(select(UserRow.username).where(UserRow.username.startswith(base, autoescape=True)))
    )
    names = (base, *(f"{base}{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _school_words(school: SchoolRow, week: tuple[str, ...]) -> str:
    return f"{school.name}; {school.timezone}; {', '.join(week)}"


def _last_confirmation(session: Session) -> str:
    newest = select(AuditRow.detail).where(AuditRow.what == CONFIRMED).order_by(AuditRow.id.desc()).limit(1)
    return session.scalar(newest) or ""


def _list_holders(session: Session, now: datetime) -> dict[Role, tuple[str, ...]]:
    living = session.execute(
        select(UserRow.name, UserRow.roles).where(or_(UserRow.ends.is_(None), UserRow.ends > now))
    ).all()
    return {role: tuple(sorted(name for name, roles in living if role in roles)) for role in NAMED_ROLES}


def _named_role(role: str) -> Role:
    found = next((one for one in ROLES if one == role and one in NAMED_ROLES), None)
    if found is None:
        raise NotPossible("that is no role that a school has to name")
    return found


def _unnamed_role(session: Session, now: datetime, role: str) -> Role:
    """Return a role that nobody has. Raises NotPossible: who presses twice makes one account."""
    wanted = _named_role(role)
    if holders := _list_holders(session, now)[wanted]:
        raise NotPossible(f"{ROLE_WORDS[wanted]} is {', '.join(holders)} already; others are added at People")
    return wanted


def _put_off(session: Session, now: datetime, subject: str, by: str) -> None:
    if session.get(PostponementRow, subject) is None:
        session.add(PostponementRow(subject=subject, by=by, at=now))
        audit.record_audit(session, now, by, "left for later", subject)


def _take_up(session: Session, subject: str) -> None:
    row = session.get(PostponementRow, subject)
    if row is not None:
        session.delete(row)
