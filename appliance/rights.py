"""Who may do what: one table for both sites and for what rooms call.

`GRANTS` says for each role which rights it has, and in which scope. Every route names the right that it needs
(`webui.shared.access`); one that names none is open to nobody. A supply teacher is a teacher whose account ends.
The command line takes its roles from here and asks for no right: whoever reads central's settings and database
holds all of them already.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import Literal, get_args

Role = Literal["teacher", "coordinator", "safeguarding", "head", "governor", "technician"]  # of an account
Caller = Role | Literal["anybody", "room"]  # and who has none: a stranger, a room with its token

ROLES: tuple[Role, ...] = get_args(Role)
ANYBODY: Literal["anybody"] = "anybody"
ROOM: Literal["room"] = "room"


class Scope(IntEnum):
    """Where a right holds. One for the whole school holds in each of its rooms too."""

    ROOM = 1  # in one room: on its own pages, and for a token in what is that room's
    SCHOOL = 2  # at central


class Right(Enum):
    """What somebody may do."""

    VISIT = auto()  # what needs no account: signing in, the block page, styles and scripts
    SIGN_IN = auto()
    HEAR_NEWS = auto()  # a page hears that something has changed

    SEE_ROOM = auto()  # what was refused today; devices are tokens
    REQUEST_UNBLOCKS = auto()
    REPORT_SITES = auto()
    LEAD_LESSONS = auto()  # lessons, pauses, suspended devices, links to check
    MANAGE_OWN_SIGN_INS = auto()  # on which devices one is signed in, and one's own password

    DECIDE_REQUESTS = auto()
    HANDLE_REPORTS = auto()  # put one away, or close its site with a rule
    EDIT_RULES = auto()
    EDIT_PROFILES = auto()
    DELEGATE = auto()
    EDIT_LISTS = auto()
    EDIT_DEVICES = auto()  # names of devices, and their groups
    SEE_ROOMS = auto()
    ENROL_ROOMS = auto()
    EDIT_ACCOUNTS = auto()
    HANDLE_INCIDENTS = auto()
    READ_AUDIT = auto()

    FOLLOW_SCHOOL = auto()  # the feed, and what it leads to
    DELIVER_MESSAGES = auto()  # requests, reports, incidents, actions, health
    CHECK_PASSWORDS = auto()


_TEACHING = dict.fromkeys(
    (
        Right.SIGN_IN,
        Right.HEAR_NEWS,
        Right.SEE_ROOM,
        Right.REQUEST_UNBLOCKS,
        Right.REPORT_SITES,
        Right.LEAD_LESSONS,
        Right.MANAGE_OWN_SIGN_INS,
    ),
    Scope.ROOM,
)
_COORDINATION = dict.fromkeys(
    (
        Right.SIGN_IN, Right.HEAR_NEWS, Right.DECIDE_REQUESTS, Right.HANDLE_REPORTS, Right.EDIT_RULES,
        Right.EDIT_PROFILES, Right.DELEGATE, Right.EDIT_LISTS, Right.EDIT_DEVICES, Right.SEE_ROOMS,
        Right.ENROL_ROOMS, Right.EDIT_ACCOUNTS, Right.HANDLE_INCIDENTS, Right.READ_AUDIT,
        Right.MANAGE_OWN_SIGN_INS,
    ),
    Scope.SCHOOL,
)  # fmt: skip

GRANTS: Mapping[Caller, Mapping[Right, Scope]] = {
    "anybody": {Right.VISIT: Scope.SCHOOL},
    "room": dict.fromkeys((Right.FOLLOW_SCHOOL, Right.DELIVER_MESSAGES, Right.CHECK_PASSWORDS), Scope.ROOM),
    "teacher": _TEACHING,
    "coordinator": _TEACHING | _COORDINATION,
    "safeguarding": {},  # no pages yet: incidents are the coordinator's so far
    "head": {},
    "governor": {},
    "technician": {},  # works at the command line
}


def has_right(caller: Caller, right: Right, scope: Scope) -> bool:
    """Tell whether somebody has a right in one room, or in the whole school."""
    granted = GRANTS.get(caller, {}).get(right)
    return granted is not None and granted >= scope


def may_teach(role: Role) -> bool:
    """Tell whether an account may act as a teacher in a room."""
    return has_right(role, Right.LEAD_LESSONS, Scope.ROOM)
