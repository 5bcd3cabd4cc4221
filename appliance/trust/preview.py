"""Tells, before anything is laid down, for which schools it would hold and what it would meet there."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from appliance.central.errors import NotPossible
from appliance.central.models import TrustEntryRow
from appliance.trust import entries, school_list, schools
from appliance.trust.entries import AlreadyInForce, CheckedEntry, Kind
from dns.policy.context import name_and_parents

MAX_NOTES = 10


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Which schools would hear of something, by name."""

    soon: tuple[str, ...]  # within a minute
    later: tuple[str, ...]  # they are silent, or have not joined yet


class EntryPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be laid down, and what comes of it."""

    entries: tuple[CheckedEntry, ...]
    reach: Reach
    notes: tuple[str, ...]  # what there is already, and what of the two counts


def preview_entry(
    session: Session, now: datetime, *, kind: Kind, content: dict[str, Any], wanted: Iterable[str]
) -> EntryPreview:
    """Look ahead for one entry. Raises NotFound or NotPossible, as laying it down would."""
    one = entries.check_entry(session, kind=kind, content=content, schools=wanted)
    return EntryPreview(entries=(one,), reach=_find_reach(session, now, one.schools), notes=_notes(session, one))


def preview_set(session: Session, now: datetime, *, set_id: str, wanted: Iterable[str]) -> EntryPreview:
    """Look ahead for a ready-made set. Raises NotFound, and NotPossible where all of it is shared already."""
    ids, checked = tuple(wanted), []
    for kind, content in entries.list_set(set_id):
        try:
            checked.append(entries.check_entry(session, kind=kind, content=content, schools=ids))
        except AlreadyInForce:
            continue
    if not checked:
        raise NotPossible("all of that set is shared already")
    notes = dict.fromkeys(note for one in checked for note in _notes(session, one))
    return EntryPreview(
        entries=tuple(checked),
        reach=_find_reach(session, now, ids),
        notes=tuple(notes)[:MAX_NOTES],
    )


def _find_reach(session: Session, now: datetime, ids: Iterable[str]) -> Reach:
    wanted = {*ids}
    soon: list[str] = []
    later: list[str] = []
    for school in school_list.list_schools(session, now):
        if (wanted and school.id not in wanted) or school.state in schools.ENDED_WORDS:
            continue
        is_near = school.state == schools.ENROLLED and not school.is_silent
        (soon if is_near else later).append(school.name)
    return Reach(soon=tuple(soon), later=tuple(later))


def _notes(session: Session, one: CheckedEntry) -> tuple[str, ...]:
    """Return, of what holds for any of the same schools, what bears on an entry."""
    there = [
        row
        for row in entries.list_entries(session, ("category", "name", "open", "rule"))
        if not row.schools or not one.schools or not {*row.schools}.isdisjoint(one.schools)
    ]
    return tuple(dict.fromkeys(note for row in there if (note := _note(one, row))))[:MAX_NOTES]


def _note(one: CheckedEntry, row: TrustEntryRow) -> str:
    if row.kind == "category":
        if one.kind == "open":
            return "what is locked by category stays closed, also where its name is kept open"
        return ""
    if one.kind == "category":
        return (
            f"number {row.id} keeps {row.key} open: closed all the same where it is of this category"
            if (row.kind == "open")
            else ""
        )
    name = one.key
    if one.kind == "name" and row.kind in ("open", "rule") and name in name_and_parents(row.key):
        return f"number {row.id} is about {row.key}: it is closed from then on" if _opens(row) else ""
    if row.kind == "name" and row.key in name_and_parents(name) and _would_open(one):
        return f"number {row.id} locks {row.key}: this opens nothing"
    return ""


def _opens(row: TrustEntryRow) -> bool:
    return row.kind == "open" or row.content.get("action") == "allow"


def _would_open(one: CheckedEntry) -> bool:
    return one.kind == "open" or one.content.get("action") == "allow"
