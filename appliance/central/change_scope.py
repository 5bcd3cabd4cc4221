"""Which rooms a change concerns: derived from the rows that a transaction changes, so that nobody can forget it.

`CONCERNS` has an entry for every table. A change of the school's part of a policy concerns every room, one of an
opening the rooms that it is for, and most changes no room at all. Statements that bypass the mapped rows are not
seen: who writes such a one says so with `mark_school`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session, UOWTransaction

from appliance.central.incidents.tables import IncidentGroupRow, IncidentNoteRow, IncidentRow
from appliance.central.models import (
    AccountLinkRow,
    AuditDayRow,
    AuditHeadRow,
    AuditRow,
    AuditWitnessRow,
    Base,
    CardSecretRow,
    CountRow,
    DelegationRow,
    DeviceImportRow,
    DeviceRow,
    KnownDeviceRow,
    LookupRow,
    MailRow,
    NoticeRow,
    PageCertificateRow,
    PostponementRow,
    ProfileRow,
    PublicationRow,
    RefusedSiteRow,
    RequestRow,
    RevisionRow,
    RoomActionRow,
    RoomAuthorityRow,
    RoomRow,
    RoomSignInRow,
    RuleRow,
    SchoolCountRow,
    SchoolRow,
    ScriptKeyRow,
    SecondFactorRow,
    SeenDeviceRow,
    SessionRow,
    SettingChangeRow,
    SiteReportRow,
    SourceRow,
    ThrottleRow,
    TrustContactRow,
    TrustEntryRow,
    TrustMembershipRow,
    TrustRow,
    TrustSchoolRow,
    UnblockRow,
    UserRow,
    WebhookDeliveryRow,
    WebhookRow,
)

NO_ROOM: frozenset[int] = frozenset()
WHOLE_SCHOOL = None

Concern = Callable[[Any], frozenset[int] | None]  # of a changed row: the ids of rooms, or WHOLE_SCHOOL

# Of a room's own row the rest is written by central itself, or about what the room said.
_WATCHED_ROOM_COLUMNS = (
    "name", "token_hash", "key_hash", "key_confirmed_at", "state", "stopped_links", "requests_changed",
    "lookups_changed", "incidents_changed", "default_group",
)  # fmt: skip
# Of an account, what rooms are told (`account_states`).
_WATCHED_ACCOUNT_COLUMNS = ("username", "roles", "ends", "valid_after")


def _no_room(_row: Base) -> frozenset[int] | None:
    return NO_ROOM


def _whole_school(_row: Base) -> frozenset[int] | None:
    return WHOLE_SCHOOL


def _rooms_of_unblock(unblock: UnblockRow) -> frozenset[int] | None:
    return WHOLE_SCHOOL if unblock.room_id is None else frozenset({unblock.room_id})


def _rooms_of_page_certificate(row: PageCertificateRow) -> frozenset[int] | None:
    return WHOLE_SCHOOL if row.room_id is None else frozenset({row.room_id})


def _the_room_itself(room: RoomRow) -> frozenset[int] | None:
    return frozenset({room.id}) if _has_changed(room, _WATCHED_ROOM_COLUMNS) else NO_ROOM


def _rooms_of_account(user: UserRow) -> frozenset[int] | None:
    return WHOLE_SCHOOL if _has_changed(user, _WATCHED_ACCOUNT_COLUMNS) else NO_ROOM


def _has_changed(row: Base, columns: Iterable[str]) -> bool:
    attributes = inspect(row).attrs
    return any(attributes[name].history.has_changes() for name in columns)


CONCERNS: Mapping[type[Base], Concern] = {
    SchoolRow: _whole_school,
    ProfileRow: _whole_school,
    RuleRow: _whole_school,
    DelegationRow: _whole_school,
    DeviceRow: _whole_school,
    DeviceImportRow: _no_room,  # in force once it is saved
    SeenDeviceRow: _no_room,
    PublicationRow: _whole_school,
    UnblockRow: _rooms_of_unblock,
    RoomRow: _the_room_itself,
    RoomAuthorityRow: _whole_school,
    PageCertificateRow: _rooms_of_page_certificate,
    RequestRow: _no_room,  # what becomes of one is counted in its room's row
    SourceRow: _no_room,  # in force once it is published
    UserRow: _rooms_of_account,
    SiteReportRow: _no_room,
    ScriptKeyRow: _no_room,
    RoomSignInRow: _no_room,
    WebhookRow: _no_room,
    WebhookDeliveryRow: _no_room,
    IncidentRow: _no_room,
    CardSecretRow: _no_room,
    IncidentGroupRow: _no_room,
    IncidentNoteRow: _no_room,
    RoomActionRow: _no_room,
    AuditRow: _no_room,
    AuditDayRow: _no_room,
    AuditHeadRow: _no_room,
    AuditWitnessRow: _no_room,
    CountRow: _no_room,
    SchoolCountRow: _no_room,
    RefusedSiteRow: _no_room,
    SettingChangeRow: _no_room,
    RevisionRow: _no_room,
    SecondFactorRow: _no_room,
    SessionRow: _no_room,
    AccountLinkRow: _no_room,
    KnownDeviceRow: _no_room,
    ThrottleRow: _no_room,
    MailRow: _no_room,
    NoticeRow: _no_room,
    PostponementRow: _no_room,
    TrustRow: _no_room,
    TrustSchoolRow: _no_room,
    TrustEntryRow: _no_room,  # schools' own databases hear of it
    TrustMembershipRow: _whole_school,
    TrustContactRow: _no_room,
    LookupRow: _no_room,  # what a room is asked is counted in its row
}

_SCHOOL, _ROOMS = "concerns the school", "concerned rooms"  # in `Session.info`


def collect_scope(session: Session, _context: UOWTransaction) -> None:
    """Note whom the rows of a flush concern (SQLAlchemy's `after_flush`: new rows have their ids by then)."""
    rows = [*session.new, *session.deleted, *(row for row in session.dirty if session.is_modified(row))]
    for row in rows:
        rooms = CONCERNS.get(type(row), _whole_school)(row)  # rather too many woken than too few
        if rooms is None:
            mark_school(session)
        elif rooms:
            session.info.setdefault(_ROOMS, set()).update(rooms)
    if any(isinstance(row, RoomRow) for row in session.deleted):
        mark_school(session)  # a room that is gone has no row left to say so


def mark_school(session: Session) -> None:
    """Say that a transaction concerns every room."""
    session.info[_SCHOOL] = True


def concerns_school(session: Session) -> bool:
    """Tell whether what was flushed concerns every room."""
    return bool(session.info.get(_SCHOOL))


def concerned_rooms(session: Session) -> frozenset[int]:
    """Return the rooms that what was flushed concerns in particular."""
    return frozenset(session.info.get(_ROOMS, NO_ROOM))
