"""The schools of a trust: registered, invited, enrolled, renamed, retired and revoked.

A school's central enrols with a token that works once and ends. It makes its own credential, and sends only the
hash; what the trust keeps opens nothing. To send the same again is answered in the same way, so that an answer
that was lost on its way costs nothing.

Retired is a school that the trust lets go: its central is handed one last document, by which nothing of the
trust's holds any more. Revoked is one whose credential is in somebody else's hands, or might be: it is answered
nothing, its central keeps what it has, and the school needs a new invitation.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import CentralError, NotFound, NotPossible
from appliance.central.models import TrustSchoolRow
from appliance.central.room_life import hash_token
from appliance.central.room_names import room_name_key
from appliance.central.school_identity import name_errors, tidy_name, timezone_errors
from appliance.trust.state import count_change

REGISTERED, ENROLLED, RETIRED, REVOKED = "registered", "enrolled", "retired", "revoked"
INVITATION_DAYS = 7
MAX_SCHOOLS = 5000

ENDED_WORDS = {
    RETIRED: "the trust has let this school go",
    REVOKED: "the trust has revoked this school's enrolment: ask the trust for a new invitation",
}


class SchoolEnded(CentralError):
    """A school that was revoked, or is retired, calls for more than its last document."""


def register_school(session: Session, now: datetime, *, name: str, timezone: str, by: str) -> TrustSchoolRow:
    """Write a school down. Raises NotPossible."""
    name = _checked_name(session, name)
    for problem in timezone_errors(timezone):
        raise NotPossible(problem)
    if len(list_schools(session)) >= MAX_SCHOOLS:
        raise NotPossible(f"a trust has at most {MAX_SCHOOLS} schools")
    row = TrustSchoolRow(
        id=secrets.token_hex(16), name=name, name_key=room_name_key(name), timezone=timezone, state=REGISTERED,
        token_hash=None, token_ends=None, credential_hash=None, registered_at=now, enrolled_at=None, ended_at=None,
        last_seen=None, numbers=None, numbers_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record_audit(session, now, by, "school registered", f"{name} ({timezone})")
    return row


def invite_school(session: Session, now: datetime, *, school: TrustSchoolRow, by: str, days: int) -> str:
    """Return a token with which a school's central enrols once; an earlier one ends. Raises NotPossible.

    A central that is enrolled goes on until another one comes with the token: that is how a machine is replaced.
    """
    if not 1 <= days <= 90:
        raise NotPossible("an invitation lasts from one day to ninety")
    token = secrets.token_urlsafe(32)
    if school.state != ENROLLED:
        school.state, school.ended_at, school.credential_hash = REGISTERED, None, None
    school.token_hash, school.token_ends = hash_token(token), now + timedelta(days=days)
    school.token_used = False
    audit.record_audit(session, now, by, "school invited", f"{school.name}, for {days} days")
    return token


def withdraw_invitation(session: Session, now: datetime, *, school: TrustSchoolRow, by: str) -> None:
    """Let an invitation be of no use any more. Raises NotPossible where none waits."""
    if not is_invitation_waiting(school, now):
        raise NotPossible(f"no invitation waits for {school.name}")
    school.token_hash, school.token_ends = None, None
    audit.record_audit(session, now, by, "invitation withdrawn", school.name)


def is_invitation_waiting(school: TrustSchoolRow, now: datetime) -> bool:
    """Tell whether there is an invitation that nobody has used yet and that has not ended."""
    return school.token_ends is not None and not school.token_used and school.token_ends > now


def enrol_school(session: Session, now: datetime, *, token: str, credential_hash: str) -> TrustSchoolRow | None:
    """Let a school's central in that has a token, or return None where the token is of no use (any more)."""
    school = session.scalar(select(TrustSchoolRow).where(TrustSchoolRow.token_hash == hash_token(token)))
    if school is None or school.token_ends is None or school.token_ends <= now:
        return None
    if school.state == ENROLLED and school.credential_hash == credential_hash:
        return school  # the answer was lost
    if school.token_used:
        return None
    taken = select(TrustSchoolRow.id).where(TrustSchoolRow.credential_hash == credential_hash)
    if session.scalar(taken) is not None:
        return None
    is_new_machine = school.state == ENROLLED
    school.state, school.credential_hash, school.enrolled_at = ENROLLED, credential_hash, now
    school.ended_at, school.token_used = None, True
    what = "school enrolled anew" if is_new_machine else "school enrolled"
    audit.record_audit(session, now, school.name, what)
    return school


def find_school_by_credential(session: Session, credential: str) -> TrustSchoolRow | None:
    """Return whose credential this is, also where that has ended; or None."""
    return session.scalar(select(TrustSchoolRow).where(TrustSchoolRow.credential_hash == hash_token(credential)))


def rename_school(session: Session, now: datetime, *, school: TrustSchoolRow, name: str, by: str) -> None:
    """Give a school another name. Raises NotPossible."""
    checked = _checked_name(session, name, but=school)
    if checked == school.name:
        return
    audit.record_audit(session, now, by, "school renamed", f"{school.name} is now {checked}")
    school.name, school.name_key = checked, room_name_key(checked)
    count_change(session)


def retire_school(session: Session, now: datetime, *, school: TrustSchoolRow, by: str) -> None:
    """Let a school go: what is laid down ends there once its central has heard of it. Raises NotPossible."""
    if school.state in (RETIRED, REVOKED):
        raise NotPossible(f"{school.name} is {school.state} already")
    _end(session, now, school, RETIRED, by)


def revoke_school(session: Session, now: datetime, *, school: TrustSchoolRow, by: str) -> None:
    """Answer a school's central no more, at once. Raises NotPossible."""
    if school.state == REVOKED:
        raise NotPossible(f"{school.name} is revoked already")
    _end(session, now, school, REVOKED, by)


def list_schools(session: Session) -> list[TrustSchoolRow]:
    """Return all schools, by name; those that have ended too."""
    return list(session.scalars(select(TrustSchoolRow).order_by(TrustSchoolRow.name)))


def require_school(session: Session, name: str) -> TrustSchoolRow:
    """Return the school of a name, however it is written, or of an id. Raises NotFound."""
    key = room_name_key(name)
    found = session.scalar(select(TrustSchoolRow).where(TrustSchoolRow.name_key == key))
    found = found or session.get(TrustSchoolRow, name)
    if found is None:
        raise NotFound(f"there is no school called {name!r}")
    return found


def _end(session: Session, now: datetime, school: TrustSchoolRow, state: str, by: str) -> None:
    school.state, school.ended_at, school.token_hash, school.token_ends = state, now, None, None
    count_change(session)
    audit.record_audit(session, now, by, f"school {state}", school.name)


def _checked_name(session: Session, written: str, but: TrustSchoolRow | None = None) -> str:
    name = tidy_name(written)
    for problem in name_errors(name):
        raise NotPossible(problem)
    taken = session.scalar(select(TrustSchoolRow).where(TrustSchoolRow.name_key == room_name_key(name)))
    if taken is not None and taken is not but:
        raise NotPossible(f"there is a school called {taken.name} already")
    return name
