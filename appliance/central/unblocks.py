"""What is open for a while, or will be: each opening begins and ends by itself, or is ended early.

An opening is for a room, for the whole school, for some groups of either, or for one device. A room opens it at
its time by its own clock, with central or without.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from appliance.central import audit, own_requests, rooms, trust_policy
from appliance.central.devices import inventory
from appliance.central.devices.fields import OF_A_ROOM
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ProfileRow, RequestRow, RoomRow, UnblockRow
from appliance.central.room_life import require_room
from appliance.central.setting_history import record_change
from appliance.central.site_names import checked_sites

KIND = "opening"  # of `appliance.central.undo`
MAX_UNBLOCK_MINUTES = 7 * 24 * 60
MAX_AHEAD_DAYS = 100  # for a lesson of this term
MAX_ALSO = 100

# Raises NotPossible where a site, or one of its further names, would stay closed for some groups all the same
# (`decision_preview.DecisionPreview.require_opening`).
OpeningCheck = Callable[[Session, str, Iterable[str], tuple[str, ...]], None]


def token_device(token: str) -> str:
    """Return how a policy names a device of which central knows only its room's token.

    It is no way to write a device, so that nothing but the room's own word can make it one: a bare token could be
    taken for the digits of a MAC address.
    """
    return f"{OF_A_ROOM}{token}"[:64]


class OpeningTime(msgspec.Struct, frozen=True):
    """From when until when."""

    since: datetime
    until: datetime


def find_opening_time(now: datetime, minutes: int, since: datetime | None = None) -> OpeningTime:
    """Return the time of an opening. One that should have begun already begins now. Raises NotPossible."""
    if not 1 <= minutes <= MAX_UNBLOCK_MINUTES:
        raise NotPossible(f"an opening lasts from one minute to {MAX_UNBLOCK_MINUTES // 1440} days")
    begin = now if since is None else since
    return _checked_time(now, begin, begin + timedelta(minutes=minutes))


def _checked_time(now: datetime, since: datetime, until: datetime) -> OpeningTime:
    if until <= since:
        raise NotPossible("it would end before it begins")
    if until <= now:
        raise NotPossible("that time is over already")
    if since > now + timedelta(days=MAX_AHEAD_DAYS):
        raise NotPossible(f"an opening can be planned for at most {MAX_AHEAD_DAYS} days ahead")
    if until - max(since, now) > timedelta(minutes=MAX_UNBLOCK_MINUTES):
        raise NotPossible(f"an opening lasts at most {MAX_UNBLOCK_MINUTES // 1440} days")
    return OpeningTime(max(since, now), until)


def add_unblock(
    session: Session, span: OpeningTime, *, site: str, also: Iterable[str] = (), room_id: int | None,
    groups: tuple[str, ...] = (), device: str = "", by: str, request: RequestRow | None = None,
) -> UnblockRow:  # fmt: skip
    """Keep an opening. Raises NotFound for a group that there is not, NotPossible for what is no site."""
    unknown = [group for group in groups if session.get(ProfileRow, group) is None]
    if unknown:
        raise NotFound(f"there is no group {unknown[0]!r}")
    # Again: they may have waited since before such names were refused.
    checked, *further = checked_sites((site, *also))
    names = list(dict.fromkeys(further))
    trust_policy.require_openable(session, (checked, *names))
    if len(names) > MAX_ALSO:
        raise NotPossible(f"an opening has at most {MAX_ALSO} further names")
    unblock = UnblockRow(
        request_id=request.id if request is not None else None,
        room_id=room_id,
        site=checked,
        also=[name for name in names if name != checked],
        groups=list(groups),
        device=device,
        since=span.since,
        until=span.until,
        by=by,
    )
    session.add(unblock)
    session.flush()
    return unblock


def open_site(
    session: Session, now: datetime, *, site: str, minutes: int, by: str, since: datetime | None = None,
    also: tuple[str, ...] = (), room: str = "", groups: tuple[str, ...] = (), device: str = "",
) -> UnblockRow:  # fmt: skip
    """Open a site that nobody asked for, in the room of a name, or ("") in every one.

    Raises NotFound or NotPossible. `device`: for one device alone, by its address, its MAC address, or the name
    that the school gives it.
    """
    found = require_room(session, room) if room else None
    device = inventory.name_of_one_device(session, device) if device.strip() else ""
    unblock = add_unblock(
        session, find_opening_time(now, minutes, since), site=site, also=also, groups=() if device else groups,
        room_id=found.id if found is not None else None, device=device, by=by,
    )  # fmt: skip
    audit.record_audit(session, now, by, "opened", describe_unblock(unblock, found, now))
    return unblock


def change_unblock(
    session: Session, now: datetime, *, unblock_id: int, by: str, until: datetime, since: datetime | None = None,
    check_opening: OpeningCheck, on_behalf_of: str = "",
) -> UnblockRow:  # fmt: skip
    """Give an opening another time: longer, shorter, or at another hour. Raises NotFound or NotPossible.

    `since`, left out: as it is. What has begun keeps its start. Nothing is lengthened that was locked since.
    `on_behalf_of`: for whom a script acts, which cannot lengthen what they asked for.
    """
    unblock = session.get(UnblockRow, unblock_id)
    if unblock is None:
        raise NotFound("there is no such opening")
    if unblock.ended_at is not None or unblock.until <= now:
        raise NotPossible("it is closed already")
    begun = unblock.since <= now
    span = _checked_time(now, unblock.since if begun or since is None else since, until)
    own_words, is_more = "", span.until > unblock.until or span.since < unblock.since
    if is_more:
        check_opening(session, unblock.site, unblock.also, tuple(unblock.groups))
    if unblock.request is not None and is_more:
        own_words = own_requests.require_other(
            session, now, teacher=unblock.request.teacher, by=on_behalf_of or by
        )
    unblock.since, unblock.until = (unblock.since if begun else span.since), span.until
    if unblock.request is not None:
        rooms.mark_requests_changed(session, unblock.request.room_id)
    words = describe_unblock(unblock, unblock.room, now) + own_words
    audit.record_audit(session, now, by, "opening changed", words)
    return unblock


def describe_unblock(unblock: UnblockRow, room: RoomRow | None, now: datetime) -> str:
    """Return what is opened, for whom, where and when: for the audit."""
    where = "the whole school" if unblock.room_id is None or room is None else room.name
    whom = f" for {', '.join(unblock.groups)}" if unblock.groups else ""
    whom = f" for one device ({unblock.device})" if unblock.device else whom
    minutes = round((unblock.until - unblock.since).total_seconds() / 60)
    also = f" with {', '.join(unblock.also)}" if unblock.also else ""
    start = f" from {unblock.since:%Y-%m-%d %H:%M} UTC" if unblock.since > now else ""
    return f"{unblock.site}{also}{whom} for {minutes} minutes{start} in {where}"


def find_unblock(session: Session, unblock_id: int) -> UnblockRow | None:
    """Return an opening, or None."""
    return session.get(UnblockRow, unblock_id)


def end_unblock(session: Session, now: datetime, *, unblock_id: int, by: str | audit.RoomClaim) -> str:
    """Close early what was opened; return the change's id, for an undo. Raises NotFound.

    One that is over already is left as it is: "". So is what a room has closed: that stays closed there.
    """
    unblock = session.get(UnblockRow, unblock_id)
    if unblock is None:
        raise NotFound("there is no such opening")
    if unblock.ended_at is not None or unblock.until <= now:
        return ""
    before = read_value(session, {"id": unblock.id})
    unblock.ended_at = now
    _end_request(session, unblock)
    audit.record_audit(session, now, by, "ended", unblock.site)
    return record_change(session, now, kind=KIND, before=before, after={}, by=by) if isinstance(by, str) else ""


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return which opening a kept value is; empty where it is closed."""
    unblock = session.get(UnblockRow, value["id"])
    if unblock is None or unblock.ended_at is not None:
        return {}
    state = unblock.request.state if unblock.request is not None else ""
    return {"id": unblock.id, "site": unblock.site, "request": state}


def restore_value(
    session: Session, now: datetime, current: dict[str, Any], before: dict[str, Any], *, by: str,
    check_opening: OpeningCheck,
) -> None:  # fmt: skip
    """Open again what was closed early, until it ends by itself; or close it. Raises NotFound or NotPossible."""
    unblock = session.get(UnblockRow, (before or current)["id"])
    if unblock is None:
        raise NotFound("there is no such opening")
    if not before:
        unblock.ended_at = now
        _end_request(session, unblock)
        return
    if unblock.until <= now:
        raise NotPossible("it would be over by now")
    check_opening(session, unblock.site, unblock.also, tuple(unblock.groups))
    if unblock.request is not None:
        own_requests.require_other(session, now, teacher=unblock.request.teacher, by=by)
    unblock.ended_at = None
    if unblock.request is not None:
        unblock.request.state = before["request"]
        rooms.mark_requests_changed(session, unblock.request.room_id)


def expire_unblocks(session: Session, now: datetime) -> None:
    """End what is open until now or before, and the requests that it answered."""
    over = select(UnblockRow).where(UnblockRow.ended_at.is_(None), UnblockRow.until <= now)
    for unblock in session.scalars(over):
        unblock.ended_at = unblock.until
        _end_request(session, unblock)


def next_expiry(session: Session) -> datetime | None:
    """Return when the next opening ends by itself, which may have been already; None: nothing is open."""
    return session.scalar(select(func.min(UnblockRow.until)).where(UnblockRow.ended_at.is_(None)))


def list_active_unblocks(session: Session, now: datetime, room: RoomRow | None = None) -> list[UnblockRow]:
    """Return what is open or will be, in all rooms or in one (the school's included), the first to end first."""
    wanted = select_active_unblocks(now)
    if room is not None:
        wanted = wanted.where(or_(UnblockRow.room_id.is_(None), UnblockRow.room_id == room.id))
    return list(session.scalars(wanted.order_by(UnblockRow.until).options(joinedload(UnblockRow.room))))


def select_active_unblocks(now: datetime) -> Select[UnblockRow]:
    """Return the question for what is open or will be."""
    return select(UnblockRow).where(UnblockRow.until > now, UnblockRow.ended_at.is_(None))


def _end_request(session: Session, unblock: UnblockRow) -> None:
    if unblock.request is not None and unblock.request.state == "approved":
        unblock.request.state = "ended"
        rooms.mark_requests_changed(session, unblock.request.room_id)
