"""Accounts of supply teachers. Every other account is as if it were not there."""

from datetime import datetime, timedelta
from typing import Any

from appliance.central import account_links, account_management, accounts, rooms
from appliance.central.errors import NotFound
from appliance.central.models import UserRow
from appliance.central.room_life import require_room_ids
from appliance.script_interface import people
from webui.api.school.call import SchoolCall, Shaped

_ROLES = (account_management.SUPPLY,)


def list_supply_accounts(call: SchoolCall) -> Any:
    """Return the accounts of supply teachers."""
    names = _room_names(call)
    return [_account(call, one, names) for one in accounts.list_accounts(call.session) if one.roles == [*_ROLES]]


def add_supply_account(call: SchoolCall, message: people.NewSupplyAccount) -> Any:
    """Make an account for a supply teacher."""
    ends = _end(call, message.last_day)
    account_management.check_end(call.now, _ROLES, ends)
    user = accounts.add_account(
        call.session, call.now, username=accounts.checked_username(call.session, message.username),
        name=message.name, roles=_ROLES, password=None, ends=ends, by=call.by,
        room_ids=require_room_ids(call.session, message.rooms),
    )  # fmt: skip
    call.session.flush()
    return _link(call, user.username)


def change_supply_account(call: SchoolCall, message: people.SupplyChange, username: str) -> Any:
    """Give an account another name, last day, or rooms."""
    user = _get(call, username)
    changed = account_management.change_account(
        call.session, call.now, username=user.username, name=message.name, roles=_ROLES,
        ends=_end(call, message.last_day), room_ids=require_room_ids(call.session, message.rooms), by=call.by,
    )  # fmt: skip
    return _account(call, changed, _room_names(call))


def end_supply_account(call: SchoolCall, *, username: str) -> None:
    """End an account now; one that has ended stays so."""
    user = _get(call, username)
    if not accounts.has_ended(user, call.now):
        account_management.end_account(call.session, call.now, username=user.username, by=call.by)


def return_supply_account(call: SchoolCall, message: people.SupplyReturn, username: str) -> Any:
    """Let an ended account be used again."""
    user, ends = _get(call, username), _end(call, message.last_day)
    account_management.return_account(call.session, call.now, username=user.username, ends=ends, by=call.by)
    return _link(call, user.username)


def make_supply_link(call: SchoolCall, *, username: str) -> Any:
    """Make a link by which the owner of an account sets another password."""
    return _link(call, _get(call, username).username)


def _get(call: SchoolCall, username: str) -> UserRow:
    user = account_management.get_account(call.session, username)
    if user.roles != [*_ROLES]:
        raise NotFound(f"there is no account {username!r}")
    return user


def _end(call: SchoolCall, last_day: str) -> datetime:
    return call.end_of_day(last_day) - timedelta(microseconds=1)


def _link(call: SchoolCall, username: str) -> Any:
    made = account_links.make_link(call.session, call.now, username=username, by=call.by)
    return {"username": username, "path": f"/new-password/{made.token}", "ends": made.ends}


def _room_names(call: SchoolCall) -> dict[int, str]:
    return rooms.name_rooms(call.session)


def _account(call: SchoolCall, user: UserRow, names: dict[int, str]) -> Shaped:
    shown = [names[one] for one in user.room_ids if one in names]
    return Shaped(user, rooms=shown, has_ended=accounts.has_ended(user, call.now))
