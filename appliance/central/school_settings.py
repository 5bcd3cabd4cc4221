"""What a school sets for all its rooms, beside profiles, timetables and rules: one value of named fields.

The fields are those of the policy document, and are checked by what checks a document, so that a page, a command
and a file say the same of the same mistake. A change keeps the fields that it changed, and no others: two people
who change two things do not undo each other, and each change is undone by itself.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.delegations import NeedsConfirmation
from appliance.central.models import SchoolRow
from appliance.central.profiles import ChangedMeanwhile
from appliance.central.school_settings_check import check_settings
from appliance.central.school_settings_differences import differences, unlocking_warning
from appliance.central.school_settings_values import (
    FIELDS,
    SchoolSettings,
    differing_fields,
    document_fields,
    parse_settings,
    to_builtins,
)
from appliance.central.setting_history import last_changed_by, record_change

KIND = "school settings"  # of a change that is kept
BUNDLES_KIND = "site bundles"  # of one of bundles alone, which more people may change
PLANS_KIND = "lesson plans"  # the same of lesson plans
FIELD_WORDS = {
    "school": "the school's name",
    "timezone": "the school's time zone",
    "locked_categories": "what nobody can open",
    "tunnels": "what is done about hidden traffic",
    "incidents": "when refusals are an incident",
    "button_pause_minutes": "the pause by the room's button",
    "private_names": "the school's own servers",
    "closed_addresses": "the closed addresses",
    "pupil_pages": "what pupils read",
    "bundles": "the site bundles",
    "school_plans": "the list of lesson plans",
}
_KINDS_OF_ONE = {"bundles": BUNDLES_KIND, "school_plans": PLANS_KIND}
_COLUMNS = {"school": "name", "timezone": "timezone", "locked_categories": "locked_categories"}  # of their own


def read_settings(session: Session) -> SchoolSettings:
    """Return what the school has set."""
    return settings_of(session.scalars(select(SchoolRow)).one())


def settings_of(school: SchoolRow) -> SchoolSettings:
    """Return what stands in a school's row."""
    columns = {field: getattr(school, column) for field, column in _COLUMNS.items()}
    return parse_settings({**school.settings, **columns})


def checked_settings(session: Session, settings: SchoolSettings) -> SchoolSettings:
    """Return settings as they are kept: names in one spelling, each once. Raises NotPossible."""
    return check_settings(session, settings, before=read_settings(session))


def save_settings(
    session: Session, now: datetime, *, changed: SchoolSettings, by: str, confirmed: bool = False,
    fields: Collection[str] = FIELDS, revision: str = "",
) -> str:  # fmt: skip
    """Set some fields; return the change's id, "" where it was so. Raises NotPossible or ChangedMeanwhile.

    `confirmed`: whoever sets them was told what it means to unlock what harms. `revision`: of the fields that the
    caller started from; "" where none was looked at.
    """
    before = read_settings(session)
    wanted = msgspec.structs.replace(before, **{field: getattr(changed, field) for field in fields})
    after = check_settings(session, wanted, before=before)
    differing = differing_fields(before, after)
    if not differing:
        return ""
    if revision and revision != before.revision_of(fields):
        raise changed_meanwhile(session, KIND)
    if not confirmed and (words := unlocking_warning(before, after)):
        raise NeedsConfirmation(words)
    write_settings(session, after)
    kind = _KINDS_OF_ONE.get(differing[0], KIND) if len(differing) == 1 else KIND
    audit.record_audit(session, now, by, kind, "; ".join(differences(before, after)))
    return record_change(
        session, now, kind=kind, before=to_builtins(before, differing), after=to_builtins(after, differing), by=by
    )


def changed_meanwhile(session: Session, kind: str) -> ChangedMeanwhile:
    """Return what somebody is told whose page is older than a change of somebody else's."""
    return ChangedMeanwhile("this", last_changed_by(session, kind))


def write_settings(session: Session, settings: SchoolSettings) -> None:
    """Write settings down. Checks nothing."""
    school = session.scalars(select(SchoolRow)).one()
    values, usual = to_builtins(settings), to_builtins(SchoolSettings())
    for field, column in _COLUMNS.items():
        setattr(school, column, values[field])
    school.settings = {
        field: value for field, value in values.items() if field not in _COLUMNS and value != usual[field]
    }


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return how the fields of a kept value are set now."""
    return to_builtins(read_settings(session), value.keys())


def restore_value(session: Session, value: dict[str, Any]) -> None:
    """Put the fields of a kept value back. Raises NotPossible where that cannot be any more."""
    present = read_settings(session)
    put_back = parse_settings(to_builtins(present) | value)
    write_settings(session, check_settings(session, put_back, before=present))


def value_words(value: dict[str, Any]) -> str:
    """Return which fields a kept value has, in words."""
    return " and ".join(FIELD_WORDS[field] for field in FIELDS if field in value)


def policy_fields(school: SchoolRow) -> dict[str, Any]:
    """Return the fields of a policy document that a school's settings are."""
    return document_fields(settings_of(school))
