"""What a trust lays down: what is locked, what is kept open, and what it shares with its schools.

Each entry is for all schools or for some. One that is taken back stays written down, so that it can be put back in
force; nothing is ever changed in one: who wants another takes the first back.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

import blocklists.sources
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import TrustEntryRow, TrustSchoolRow
from appliance.central.site_names import checked_rule_name
from appliance.control_characters import find_control_character
from appliance.trust.state import count_change
from appliance.trust_protocol import MAX_CATEGORIES, MAX_DOCUMENT_BYTES, MAX_ENTRIES
from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES_BY_ID, category_name
from blocklists.errors import ListError

Kind = Literal["category", "name", "open", "rule", "source"]

KIND_WORDS: dict[Kind, str] = {
    "category": "closed in every group, whatever lists it",
    "name": "closed, with all addresses below it",
    "open": "kept open: no rule and no list of a school closes it",
    "rule": "a rule, which a school's own for the same name replaces",
    "source": "a list that schools subscribe to, and may not take away",
}
LOCKS: tuple[Kind, ...] = ("category", "name", "open")
SHARED: tuple[Kind, ...] = ("rule", "source")
KINDS: tuple[Kind, ...] = (*LOCKS, *SHARED)
_MAX_NOTE = 200
MAX_ENTRIES_BYTES = MAX_DOCUMENT_BYTES - 8 * 1024  # for names, and what stands around the entries
_LOCK_BYTES = 40  # in a document, of a name that is closed: that it blocks, and is locked
_TOO_LARGE = (
    "schools take a document of at most a megabyte, and this would make it larger: take something back first"
)
_MAX_OF_KIND = {"category": MAX_CATEGORIES}
# A document has one field for both: one entry more, and every school would refuse all of it.
_TOGETHER: dict[str, tuple[Kind, ...]] = {"name": ("name", "rule"), "rule": ("name", "rule")}


class AlreadyInForce(NotPossible):
    """The same is in force."""


class CheckedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be laid down, as it would be kept."""

    kind: Kind
    key: str
    content: dict[str, Any]
    schools: list[str]  # ids; none: all of them
    words: str


def check_entry(session: Session, *, kind: Kind, content: dict[str, Any], schools: Iterable[str]) -> CheckedEntry:
    """Return what would be laid down for all schools (none named), or for some (ids), and lay nothing down.

    Raises NotFound or NotPossible.
    """
    checked = _CHECKS[kind](content)
    wanted = sorted({*schools})
    names = _name_schools(session, wanted)
    key = _key_of(checked)
    if same := _in_force(session, kind, key, wanted):
        raise AlreadyInForce(f"{describe_content(kind, checked)}: that is laid down already (number {same[0].id})")
    _require_place(session, kind, checked)
    return CheckedEntry(kind=kind, key=key, content=checked, schools=wanted, words=_describe(kind, checked, names))


def add_entry(
    session: Session, now: datetime, *, kind: Kind, content: dict[str, Any], schools: Iterable[str], by: str
) -> TrustEntryRow:
    """Lay something down for all schools (none named), or for some (ids). Raises NotFound or NotPossible."""
    one = check_entry(session, kind=kind, content=content, schools=schools)
    row = TrustEntryRow(
        kind=kind, key=one.key, content=one.content, schools=one.schools, made_at=now, made_by=by, ended_at=None,
        ended_by="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    count_change(session)
    audit.record_audit(session, now, by, f"laid down: {kind}", one.words)
    return row


def add_set(
    session: Session, now: datetime, *, set_id: str, schools: Iterable[str], by: str
) -> list[TrustEntryRow]:
    """Share the lists and the openings of a ready-made set, as far as they are not shared yet. Raises NotFound."""
    wanted, made = tuple(schools), []
    for kind, content in list_set(set_id):
        try:
            made.append(add_entry(session, now, kind=kind, content=content, schools=wanted, by=by))
        except AlreadyInForce:
            continue
    return made


def list_set(set_id: str) -> list[tuple[Kind, dict[str, Any]]]:
    """Return what a ready-made set is made of, as entries. Raises NotFound."""
    catalogue = load_catalogue()
    try:
        chosen = catalogue.find_set(set_id)
    except ListError as problem:
        raise NotFound(str(problem)) from None
    contents: list[tuple[Kind, dict[str, Any]]] = [
        ("source", {"name": one.id, "category": one.category, "location": one.url, "format": one.format,
                    "match": one.match})
        for one in catalogue.find_lists([chosen.id])
    ]  # fmt: skip
    contents += [("rule", {"name": one, "action": "allow", "note": f"opened by the set {set_id}"})
                 for one in chosen.openings]  # fmt: skip
    return contents


def end_entry(session: Session, now: datetime, *, entry_id: int, by: str) -> TrustEntryRow:
    """Take something back. Raises NotFound or NotPossible."""
    row = get_entry(session, entry_id)
    if row.ended_at is not None:
        raise NotPossible(f"number {entry_id} was taken back already by {row.ended_by}")
    row.ended_at, row.ended_by = now, by
    count_change(session)
    audit.record_audit(session, now, by, f"taken back: {row.kind}", describe_entry(session, row))
    return row


def restore_entry(session: Session, now: datetime, *, entry_id: int, by: str) -> TrustEntryRow:
    """Put back in force what was taken back, for the same schools. Raises NotFound or NotPossible."""
    row = get_entry(session, entry_id)
    if row.ended_at is None:
        raise NotPossible(f"number {entry_id} is in force")
    if _in_force(session, row.kind, row.key, row.schools):
        raise NotPossible("the same was laid down anew meanwhile")
    _require_place(session, row.kind, row.content)  # type: ignore[arg-type]  # the table holds kinds
    row.ended_at, row.ended_by = None, ""
    count_change(session)
    audit.record_audit(session, now, by, f"in force again: {row.kind}", describe_entry(session, row))
    return row


def get_entry(session: Session, entry_id: int) -> TrustEntryRow:
    """Return an entry. Raises NotFound."""
    row = session.get(TrustEntryRow, entry_id)
    if row is None:
        raise NotFound(f"there is no number {entry_id}")
    return row


def list_entries(session: Session, kinds: Iterable[Kind], *, ended: bool = False) -> list[TrustEntryRow]:
    """Return what is in force, or (`ended`) what was taken back, by kind and name."""
    wanted = select(TrustEntryRow).where(TrustEntryRow.kind.in_(list(kinds)))
    wanted = wanted.where(TrustEntryRow.ended_at.is_not(None) if ended else TrustEntryRow.ended_at.is_(None))
    return list(session.scalars(wanted.order_by(TrustEntryRow.kind, TrustEntryRow.key, TrustEntryRow.id)))


def describe_entry(session: Session, row: TrustEntryRow) -> str:
    """Return an entry in words, with the schools that it is for."""
    found = (session.get(TrustSchoolRow, one) for one in row.schools)
    return _describe(row.kind, row.content, [one.name for one in found if one is not None])


def describe_content(kind: str, content: dict[str, Any]) -> str:
    """Return what an entry is about, in words."""
    match kind:
        case "category":
            return category_name(content["category"])
        case "rule":
            return f"{content['action']} {content['name']}"
        case "source":
            return f"{content['name']} ({content['category']})"
        case _:
            return str(content["name"])


def _describe(kind: str, content: dict[str, Any], names: list[str]) -> str:
    return f"{describe_content(kind, content)}, for {', '.join(sorted(names)) if names else 'all schools'}"


def _key_of(content: dict[str, Any]) -> str:
    return str(content.get("category") if "name" not in content else content["name"])[:300]


def _in_force(session: Session, kind: str, key: str, schools: Collection[str]) -> list[TrustEntryRow]:
    """Return what is laid down of one thing for any of some schools (none named: for all)."""
    same = select(TrustEntryRow).where(
        TrustEntryRow.kind == kind, TrustEntryRow.key == key, TrustEntryRow.ended_at.is_(None)
    )
    return [
        row
        for row in session.scalars(same)
        if not row.schools or not schools or not {*row.schools}.isdisjoint(schools)
    ]


def _require_place(session: Session, kind: Kind, content: dict[str, Any]) -> None:
    """Refuse more than the document of a school for which all of it holds could take. Raises NotPossible."""
    in_force = select(TrustEntryRow.kind, TrustEntryRow.content).where(TrustEntryRow.ended_at.is_(None))
    rows = session.execute(in_force).all()
    kinds = _TOGETHER.get(kind, (kind,))
    if sum(row.kind in kinds for row in rows) >= _MAX_OF_KIND.get(kind, MAX_ENTRIES):
        raise NotPossible(f"there are as many entries of the kind {kind!r} as can be")
    if sum(_document_bytes(one) for one in (content, *(row.content for row in rows))) > MAX_ENTRIES_BYTES:
        raise NotPossible(_TOO_LARGE)


def _document_bytes(content: dict[str, Any]) -> int:
    """Return how much an entry adds to a document at most."""
    return len(msgspec.json.encode(content)) + _LOCK_BYTES


def _name_schools(session: Session, ids: Collection[str]) -> list[str]:
    """Return what schools are called. Raises NotFound."""
    found = dict(session.execute(select(TrustSchoolRow.id, TrustSchoolRow.name)).all()) if ids else {}
    for one in ids:
        if one not in found:
            raise NotFound(f"there is no school {one!r}")
    return [found[one] for one in ids]


def _check_category(content: dict[str, Any]) -> dict[str, Any]:
    category = str(content["category"])
    if category not in CATEGORIES_BY_ID:
        raise NotPossible(f"there is no category {category!r}")
    return {"category": category}


def _check_locked_name(content: dict[str, Any]) -> dict[str, Any]:
    name = checked_rule_name(str(content["name"]), "block")
    return {"name": name, "note": _checked_note(content), "category": str(content.get("category", ""))}


def _check_open_name(content: dict[str, Any]) -> dict[str, Any]:
    return {"name": checked_rule_name(str(content["name"]), "allow"), "note": _checked_note(content)}


def _check_rule(content: dict[str, Any]) -> dict[str, Any]:
    action: Any = content["action"]
    if action not in ("allow", "block"):
        raise NotPossible("a rule allows or blocks")
    return {"name": checked_rule_name(str(content["name"]), action), "action": action,
            "note": _checked_note(content)}  # fmt: skip


def _check_source(content: dict[str, Any]) -> dict[str, Any]:
    source = msgspec.convert(
        {"format": "auto", "match": "", "action": "block"} | content, blocklists.sources.Source, strict=False
    )
    problems = list(blocklists.sources.check_source(source))
    if not source.location.startswith("https://"):
        problems.append(f"{source.location} is no https:// address: schools fetch the list themselves")
    if problems:
        raise NotPossible("; ".join(problems))
    return {name: getattr(source, name) for name in ("name", "category", "location", "format", "match", "action")}


def _checked_note(content: dict[str, Any]) -> str:
    note = str(content.get("note", "")).strip()
    if len(note) > _MAX_NOTE or find_control_character(note):
        raise NotPossible(f"a note has at most {_MAX_NOTE} characters, and no control characters")
    return note


_CHECKS: dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "category": _check_category,
    "name": _check_locked_name,
    "open": _check_open_name,
    "rule": _check_rule,
    "source": _check_source,
}
