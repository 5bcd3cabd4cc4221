"""Who may do what: one table for all sites, and for what rooms, scripts and schools call.

`GRANTS` says for each role which rights it has, and in which scope. Every route names the right that it needs
(`webui.shared.access`); one that names none is open to nobody. An account may have several roles: it may do what
any of them may. The command line takes its roles from here and asks for no right: whoever reads central's settings
and database holds all of them already.

A supply teacher is a role of its own, though it may what a teacher may: so the office can be given exactly these
accounts and no other, and each of them has to have an end. Whoever leads a school, its safeguarding or its
coordination from an office teaches in a room only with the role of a teacher as well; the coordinators, who help
in every room, may do so.

A trust (`appliance.trust`) has accounts of its own, with a role that no school gives, and gives none of a
school's: its administrators see numbers, and no name of a pupil, of a device or of anybody at a school.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, Flag, auto
from typing import Literal, get_args

SchoolRole = Literal[
    "teacher", "supply", "office", "deputy_coordinator", "coordinator", "safeguarding", "deputy_safeguarding",
    "head", "leadership", "governor", "technician",
]  # of an account at a school  # fmt: skip
TrustRole = Literal["trust_administrator"]  # of one at a trust
Role = Literal[SchoolRole, TrustRole]
# And who has none: a stranger, a room with its token, a school's central at its trust.
Caller = Role | Literal["anybody", "room", "school", "invited"]

SCHOOL_ROLES: tuple[Role, ...] = get_args(SchoolRole)
TRUST_ROLES: tuple[Role, ...] = get_args(TrustRole)
ROLES: tuple[Role, ...] = (*SCHOOL_ROLES, *TRUST_ROLES)
ANYBODY: Literal["anybody"] = "anybody"
ROOM: Literal["room"] = "room"

ROLE_WORDS: dict[Role, str] = {
    "teacher": "Teacher",
    "supply": "Supply teacher",
    "office": "Office",
    "deputy_coordinator": "Deputy coordinator",
    "coordinator": "Coordinator",
    "safeguarding": "Safeguarding lead",
    "deputy_safeguarding": "Deputy safeguarding lead",
    "head": "Headteacher",
    "leadership": "Leadership",
    "governor": "Governor",
    "technician": "Technician",
    "trust_administrator": "Trust administrator",
}


class Scope(Flag):
    """Where a right holds. One for the whole school holds in its rooms too; one at a trust holds in no school."""

    ROOM = 1  # in one room: on its own pages, and for a token in what is that room's
    SCHOOL = 2 | ROOM  # at central
    TRUST = 4  # at a trust
    EVERYWHERE = SCHOOL | TRUST


class Right(Enum):
    """What somebody may do."""

    VISIT = auto()  # what needs no account: signing in, the block page, styles and scripts
    SIGN_IN = auto()
    HEAR_NEWS = auto()  # a page hears that something has changed
    SEE_HOME = auto()  # what waits, what is broken, the day in pictures

    SEE_ROOM = auto()  # what was refused today; devices are tokens
    REQUEST_UNBLOCKS = auto()
    REPORT_SITES = auto()
    LEAD_LESSONS = auto()  # lessons, pauses, suspended devices, links to check
    MANAGE_OWN_SIGN_INS = auto()  # on which devices one is signed in, and one's own password

    DECIDE_REQUESTS = auto()
    HANDLE_REPORTS = auto()  # put one away, or close its site with a rule
    EDIT_RULES = auto()
    EDIT_PROFILES = auto()
    EDIT_SCHOOL = auto()  # what holds in every room: what nobody can open, what is an incident, the own network
    DELEGATE = auto()
    EDIT_LISTS = auto()
    SEE_DEVICES = auto()  # which devices there are, without what they asked for
    EDIT_DEVICES = auto()  # their names and groups
    SEE_ROOMS = auto()  # their health
    ENROL_ROOMS = auto()
    SET_UP_SCHOOL = auto()  # the first start, step by step
    EDIT_ACCOUNTS = auto()  # everybody's, with every role
    MANAGE_SUPPLY_ACCOUNTS = auto()  # accounts of supply teachers; with the right above, of all others too

    HANDLE_INCIDENTS = auto()  # those of pupils' devices, and of devices that nobody knows
    HANDLE_STAFF_INCIDENTS = auto()
    LOOK_UP_DEVICES = auto()  # whose a pupil's device is and what it asked for; with a reason, which is kept
    LOOK_UP_STAFF_DEVICES = auto()

    MAKE_SCRIPT_KEYS = auto()  # for the school's own scripts: each for a part of what its maker may do
    CONNECT_SERVICES = auto()  # everybody's keys for scripts, and addresses that are told of news

    READ_REPORTS = auto()  # figures, without identities
    READ_AUDIT = auto()
    EXPORT_AUDIT = auto()

    FOLLOW_SCHOOL = auto()  # the feed, and what it leads to
    DELIVER_MESSAGES = auto()  # requests, reports, incidents, actions, health
    CHECK_PASSWORDS = auto()

    ENROL_AT_TRUST = auto()  # with a token that works once
    FOLLOW_TRUST = auto()  # what the trust has laid down, and numbers in return
    SEE_TRUST = auto()  # at a trust: its schools, their numbers, what it has laid down
    MANAGE_SCHOOLS = auto()  # at a trust: register and invite them, and let them go
    LAY_DOWN = auto()  # at a trust: what no school opens, and what it shares with them


Grants = Mapping[Right, Scope]


def _grant(scope: Scope, *rights: Right) -> Grants:
    return dict.fromkeys(rights, scope)


_TEACHING = _grant(
    Scope.ROOM, Right.SIGN_IN, Right.HEAR_NEWS, Right.SEE_ROOM, Right.REQUEST_UNBLOCKS, Right.REPORT_SITES,
    Right.LEAD_LESSONS, Right.MANAGE_OWN_SIGN_INS,
)  # fmt: skip
_AT_CENTRAL = _grant(Scope.SCHOOL, Right.SIGN_IN, Right.HEAR_NEWS, Right.MANAGE_OWN_SIGN_INS)
_DAILY_COORDINATION = _grant(
    Scope.SCHOOL, Right.SEE_HOME, Right.DECIDE_REQUESTS, Right.HANDLE_REPORTS, Right.EDIT_RULES,
    Right.EDIT_PROFILES, Right.DELEGATE, Right.EDIT_LISTS, Right.SEE_DEVICES, Right.EDIT_DEVICES, Right.SEE_ROOMS,
    Right.ENROL_ROOMS, Right.MANAGE_SUPPLY_ACCOUNTS, Right.READ_REPORTS, Right.READ_AUDIT,
)  # fmt: skip
_SAFEGUARDING = _grant(
    Scope.SCHOOL, Right.HANDLE_INCIDENTS, Right.LOOK_UP_DEVICES, Right.READ_REPORTS, Right.READ_AUDIT,
    Right.EXPORT_AUDIT, Right.MAKE_SCRIPT_KEYS,
)  # fmt: skip

GRANTS: Mapping[Caller, Grants] = {
    "anybody": _grant(Scope.EVERYWHERE, Right.VISIT),
    "room": _grant(Scope.ROOM, Right.FOLLOW_SCHOOL, Right.DELIVER_MESSAGES, Right.CHECK_PASSWORDS),
    "school": _grant(Scope.TRUST, Right.FOLLOW_TRUST),
    "invited": _grant(Scope.TRUST, Right.ENROL_AT_TRUST),
    "teacher": _TEACHING,
    "supply": _TEACHING,
    "office": {**_AT_CENTRAL, **_grant(Scope.SCHOOL, Right.MANAGE_SUPPLY_ACCOUNTS)},
    "deputy_coordinator": {**_TEACHING, **_AT_CENTRAL, **_DAILY_COORDINATION},
    "coordinator": {
        **_TEACHING,
        **_AT_CENTRAL,
        **_DAILY_COORDINATION,
        **_grant(
            Scope.SCHOOL, Right.SET_UP_SCHOOL, Right.EDIT_ACCOUNTS, Right.EDIT_SCHOOL, Right.EXPORT_AUDIT,
            Right.MAKE_SCRIPT_KEYS, Right.CONNECT_SERVICES,
        ),
    },
    "safeguarding": {**_AT_CENTRAL, **_SAFEGUARDING},
    "deputy_safeguarding": {**_AT_CENTRAL, **_SAFEGUARDING},
    "head": {
        **_AT_CENTRAL,
        **_grant(
            Scope.SCHOOL, Right.HANDLE_STAFF_INCIDENTS, Right.LOOK_UP_STAFF_DEVICES, Right.READ_REPORTS,
            Right.READ_AUDIT, Right.EXPORT_AUDIT, Right.MAKE_SCRIPT_KEYS,
        ),
    },
    "leadership": {**_AT_CENTRAL, **_grant(Scope.SCHOOL, Right.READ_REPORTS)},
    "governor": {**_AT_CENTRAL, **_grant(Scope.SCHOOL, Right.READ_REPORTS)},
    "technician": {
        **_AT_CENTRAL,
        **_grant(Scope.SCHOOL, Right.SEE_ROOMS, Right.ENROL_ROOMS, Right.SEE_DEVICES),
    },
    "trust_administrator": _grant(
        Scope.TRUST, Right.SIGN_IN, Right.MANAGE_OWN_SIGN_INS, Right.SEE_TRUST, Right.MANAGE_SCHOOLS,
        Right.LAY_DOWN, Right.EDIT_ACCOUNTS, Right.MANAGE_SUPPLY_ACCOUNTS, Right.READ_AUDIT, Right.EXPORT_AUDIT,
        Right.MAKE_SCRIPT_KEYS, Right.CONNECT_SERVICES,
    ),
}  # fmt: skip

# What a key for a script can be made for (`appliance.central.script_keys`), in words for whoever makes one.
SCRIPT_RIGHTS: Mapping[Right, str] = {
    Right.SEE_ROOMS: "See the rooms and how they are",
    Right.ENROL_ROOMS: "Rename rooms, end them and put them back",
    Right.DECIDE_REQUESTS: "See requests and decide them, open sites and close them again",
    Right.DELEGATE: "See and change what teachers may open by themselves",
    Right.EDIT_RULES: "See and change rules, site bundles and lesson plans",
    Right.EDIT_PROFILES: "See and change profiles, timetables and the school's year",
    Right.EDIT_SCHOOL: "See and change what holds in every room",
    Right.EDIT_LISTS: "See and change the lists",
    Right.SEE_DEVICES: "See devices, their names and groups",
    Right.EDIT_DEVICES: "Change devices, their names and groups",
    Right.HANDLE_REPORTS: "See reported sites and deal with them",
    Right.MANAGE_SUPPLY_ACCOUNTS: "Make and end accounts of supply teachers",
    Right.READ_REPORTS: "Read reports, without names",
    Right.READ_AUDIT: "Read the audit",
    Right.EXPORT_AUDIT: "Take the whole audit along",
    Right.HANDLE_INCIDENTS: "See incidents and say what becomes of them",
    Right.LOOK_UP_DEVICES: "Look up what a device asked for, with a reason",
    Right.HANDLE_STAFF_INCIDENTS: "See incidents of staff devices and say what becomes of them",
    Right.LOOK_UP_STAFF_DEVICES: "Look up what a staff device asked for, with a reason",
}
# The same at a trust.
TRUST_SCRIPT_RIGHTS: Mapping[Right, str] = {
    Right.SEE_TRUST: "See the schools, their numbers and what is laid down",
    Right.LAY_DOWN: "Lay down what schools follow, and take it back",
}


def has_right(callers: Caller | Iterable[Caller], right: Right, scope: Scope) -> bool:
    """Tell whether somebody, by any of their roles, has a right in a room, in the whole school, or at a trust."""
    named = (callers,) if isinstance(callers, str) else callers
    granted = (GRANTS.get(caller, {}).get(right) for caller in named)
    return any(one is not None and scope in one for one in granted)


def roles_at(scope: Scope) -> tuple[Role, ...]:
    """Return the roles that accounts have there."""
    return TRUST_ROLES if scope is Scope.TRUST else SCHOOL_ROLES


def script_rights_at(scope: Scope) -> Mapping[Right, str]:
    """Return what keys for scripts can be made for there."""
    return TRUST_SCRIPT_RIGHTS if scope is Scope.TRUST else SCRIPT_RIGHTS


def may_teach(roles: Role | Iterable[Role]) -> bool:
    """Tell whether an account may act as a teacher in a room."""
    return has_right(roles, Right.LEAD_LESSONS, Scope.ROOM)


def role_in_rooms(roles: Iterable[Role]) -> Role:
    """Return all that a room is told of an account's roles, in words that rooms of every version know."""
    return "teacher" if may_teach(roles) else "governor"


def role_words(roles: Iterable[Role]) -> str:
    """Return roles as people read them."""
    return ", ".join(ROLE_WORDS[role] for role in ROLES if role in set(roles))
