"""What a school sets for all its rooms, beside profiles, timetables and rules: one value of named fields.

The fields are those of the policy document, and are checked by what checks a document, so that a page, a command
and a file say the same of the same mistake. A change keeps the fields that it changed, and no others: two people
who change two things do not undo each other, and each change is undone by itself.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.delegations import NeedsConfirmation
from appliance.central.errors import NotPossible
from appliance.central.models import DelegationRow, SchoolRow
from appliance.central.profiles import ChangedMeanwhile, known_categories
from appliance.central.school_identity import name_errors, tidy_name, timezone_errors
from appliance.central.setting_history import last_changed_by, record_change
from appliance.central.site_names import checked_rule_name, checked_site
from appliance.control_characters import find_control_character
from blocklists.categories import category_name, is_sensitive
from dns.policy.document import (
    BlockedRange,
    IncidentThresholds,
    NotNegative,
    PolicyDocument,
    PupilPages,
    SchoolPlan,
    SiteBundle,
)
from dns.policy.setting_limits import THRESHOLD_WORDS
from dns.policy.site_names import reason_why_not
from dns.policy.validation import validation_errors

KIND = "school settings"  # of a change that is kept
BUNDLES_KIND = "site bundles"  # of one of bundles alone, which more people may change
PLANS_KIND = "lesson plans"  # the same of lesson plans
MAX_PRIVATE_NAMES = 200
MAX_CLOSED_ADDRESSES = 500
MAX_BUNDLES = 200
MAX_BUNDLE_NAMES = 60
MAX_NOTE_LENGTH = 200

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
TUNNEL_WORDS = {"off": "not looked for", "report": "reported", "close": "reported and closed"}

_KINDS_OF_ONE = {"bundles": BUNDLES_KIND, "school_plans": PLANS_KIND}

_encoder = msgspec.json.Encoder(order="deterministic")


class SchoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Each field means what it means in `dns.policy.document.PolicyDocument`."""

    school: str = ""  # its name; in what is to be set, "" stays what it is, as of the next
    timezone: str = ""
    locked_categories: tuple[str, ...] = ()
    tunnels: Literal["off", "report", "close"] = "report"
    incidents: IncidentThresholds = IncidentThresholds()
    button_pause_minutes: NotNegative = 0
    private_names: tuple[str, ...] = ()
    closed_addresses: tuple[BlockedRange, ...] = ()
    pupil_pages: PupilPages = PupilPages()
    bundles: tuple[SiteBundle, ...] = ()  # by site, each under its name without "www."
    school_plans: tuple[SchoolPlan, ...] = ()

    def revision_of(self, fields: Collection[str]) -> str:
        """Return what names the value of some fields: another one after every change of one of them."""
        return revision_of_values([getattr(self, field) for field in sorted(fields)])


FIELDS = SchoolSettings.__struct_fields__
_COLUMNS = {"school": "name", "timezone": "timezone", "locked_categories": "locked_categories"}  # of their own


def revision_of_values(values: list[Any]) -> str:
    """Return what names some values: another one for others."""
    return hashlib.sha256(_encoder.encode(values)).hexdigest()[:16]


def read_settings(session: Session) -> SchoolSettings:
    """Return what the school has set."""
    return settings_of(session.scalars(select(SchoolRow)).one())


def settings_of(school: SchoolRow) -> SchoolSettings:
    """Return what stands in a school's row."""
    columns = {field: getattr(school, column) for field, column in _COLUMNS.items()}
    return parse_settings({**school.settings, **columns})


def parse_settings(found: dict[str, Any]) -> SchoolSettings:
    """Return settings of plain values. Raises NotPossible where they are none."""
    try:
        return msgspec.convert(found, SchoolSettings)
    except msgspec.ValidationError as problem:
        raise NotPossible(f"this cannot be set: {problem}") from None


def to_builtins(settings: SchoolSettings, fields: Collection[str] = FIELDS) -> dict[str, Any]:
    """Return some fields of settings as JSON keeps them."""
    found: dict[str, Any] = msgspec.json.decode(_encoder.encode(settings))
    return {field: found[field] for field in FIELDS if field in fields}


def checked_settings(session: Session, settings: SchoolSettings) -> SchoolSettings:
    """Return settings as they are kept: names in one spelling, each once. Raises NotPossible."""
    before = read_settings(session)
    settings = msgspec.structs.replace(
        settings,
        school=tidy_name(settings.school) if settings.school else before.school,
        timezone=settings.timezone.strip() if settings.timezone else before.timezone,
        locked_categories=tuple(sorted({*settings.locked_categories})),
        private_names=tuple(sorted({checked_rule_name(name, "allow") for name in settings.private_names})),
        closed_addresses=tuple({one.network: one for one in map(_tidy_range, settings.closed_addresses)}.values()),
        pupil_pages=_tidy_pages(settings.pupil_pages),
        bundles=tuple(sorted(map(_tidy_bundle, settings.bundles), key=lambda one: one.site)),
    )
    errors = [
        *_identity_errors(before, settings),
        *validation_errors(PolicyDocument(version=0, **_document_fields(settings, without="timezone"))),
        *_category_errors(session, before, settings),
        *_size_errors(settings),
    ]
    if errors:
        raise NotPossible("; ".join(errors))
    return settings


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
    after = checked_settings(session, wanted)
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
    write_settings(session, checked_settings(session, put_back))


def value_words(value: dict[str, Any]) -> str:
    """Return which fields a kept value has, in words."""
    return " and ".join(FIELD_WORDS[field] for field in FIELDS if field in value)


def differing_fields(before: SchoolSettings, after: SchoolSettings) -> list[str]:
    """Return the fields that differ."""
    return [field for field in FIELDS if getattr(before, field) != getattr(after, field)]


def differences(before: SchoolSettings, after: SchoolSettings) -> list[str]:
    """Return what differs, each in a few words, for the audit and for people."""
    return [
        *_identity(before, after),
        *_locks(before, after),
        *_numbers(before, after),
        *_own_network(before, after),
        *_pupil_pages(before.pupil_pages, after.pupil_pages),
        *_bundles(before, after),
        *_plans(before, after),
    ]


def unlocking_warning(before: SchoolSettings, after: SchoolSettings) -> str:
    """Return what somebody should know before what harms is unlocked; "" where nothing of the kind is."""
    freed = sorted({*before.locked_categories} - {*after.locked_categories})
    harmful = [category_name(one) for one in freed if is_sensitive(one)]
    if not harmful:
        return ""
    return (
        f"{', '.join(harmful)}: every school is expected to keep it closed. Unlocked, a request or a rule can "
        "open a site of it, and a profile can leave it open. Do this only if the safeguarding lead agrees"
    )


def _document_fields(settings: SchoolSettings, *, without: str = "") -> dict[str, Any]:
    return {field: getattr(settings, field) for field in FIELDS if field != without}


def document_fields(school: SchoolRow) -> dict[str, Any]:
    """Return the fields of a policy document that a school's settings are."""
    return _document_fields(settings_of(school))


def _tidy_range(one: BlockedRange) -> BlockedRange:
    return msgspec.structs.replace(one, network=one.network.strip().lower(), note=one.note.strip())


def _tidy_pages(pages: PupilPages) -> PupilPages:
    def tidy(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line for one in lines if (line := one.strip())))

    return PupilPages(help_line=pages.help_line.strip(), rules=tidy(pages.rules), shared=tidy(pages.shared))


def bundle_site(written: str) -> str:
    """Return the name under which a site's bundle is kept: without "www.". Raises NotPossible."""
    site = checked_site(written)
    return site.removeprefix("www.") if not reason_why_not(site.removeprefix("www."), "open") else site


def _tidy_bundle(one: SiteBundle) -> SiteBundle:
    site = bundle_site(one.site)
    names = dict.fromkeys(checked_site(name) for name in one.names)
    return SiteBundle(site=site, names=tuple(name for name in names if name != site))


def _category_errors(session: Session, before: SchoolSettings, settings: SchoolSettings) -> Iterator[str]:
    known = {*known_categories(session)}
    for category in sorted({*settings.locked_categories} - known - {*before.locked_categories}):
        yield f"there is no category {category!r}"
    kept = {one.category for one in before.closed_addresses}
    for category in sorted({one.category for one in settings.closed_addresses} - known - kept - {""}):
        yield f"there is no category {category!r}"
    locked_now = {*settings.locked_categories} - {*before.locked_categories}
    for category in session.scalars(select(DelegationRow.category).distinct().order_by(DelegationRow.category)):
        if category in locked_now:
            words = f"teachers may open {category_name(category)} by themselves"
            yield f"{words}: end that first, on the page Delegation"


def _size_errors(settings: SchoolSettings) -> Iterator[str]:
    for what, found, most in (
        ("own servers", settings.private_names, MAX_PRIVATE_NAMES),
        ("closed addresses", settings.closed_addresses, MAX_CLOSED_ADDRESSES),
        ("site bundles", settings.bundles, MAX_BUNDLES),
    ):
        if len(found) > most:
            yield f"there are at most {most} {what}"
    for bundle in settings.bundles:
        if len(bundle.names) > MAX_BUNDLE_NAMES:
            yield f"with {bundle.site} at most {MAX_BUNDLE_NAMES} further names open"
    for site, count in Counter(bundle.site for bundle in settings.bundles).items():
        if count > 1:
            yield f"there are {count} bundles for {site}"
    for one in settings.closed_addresses:
        if len(one.note) > MAX_NOTE_LENGTH:
            yield f"the note of {one.network} has at most {MAX_NOTE_LENGTH} characters"
        if found_character := find_control_character(one.note):
            yield f"the note of {one.network} holds a control character ({found_character})"


def _identity_errors(before: SchoolSettings, settings: SchoolSettings) -> Iterator[str]:
    if settings.school != before.school:
        yield from name_errors(settings.school)
    if settings.timezone != before.timezone:
        yield from timezone_errors(settings.timezone)


def _identity(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    for words, was, becomes in (
        ("the school is called", before.school, after.school),
        ("the school's time zone", before.timezone, after.timezone),
    ):
        if was != becomes:
            yield f"{words}: {becomes}, before: {was}"


def _locks(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    was, becomes = {*before.locked_categories}, {*after.locked_categories}
    if added := sorted(becomes - was):
        yield f"locked: {', '.join(map(category_name, added))}"
    if freed := sorted(was - becomes):
        yield f"no longer locked: {', '.join(map(category_name, freed))}"


def _numbers(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    if before.tunnels != after.tunnels:
        yield f"hidden traffic: {TUNNEL_WORDS[after.tunnels]}, before: {TUNNEL_WORDS[before.tunnels]}"
    for field, words in THRESHOLD_WORDS.items():
        old, new = getattr(before.incidents, field), getattr(after.incidents, field)
        if old != new:
            yield f"{words}: {new}, before: {old}"
    if before.button_pause_minutes != after.button_pause_minutes:
        yield f"the room's button: {_pause_words(after)}, before: {_pause_words(before)}"


def _pause_words(settings: SchoolSettings) -> str:
    minutes = settings.button_pause_minutes
    return f"pauses for {minutes} minutes" if minutes else "pauses nothing"


def _own_network(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    for words, was, becomes in (
        ("own servers", {*before.private_names}, {*after.private_names}),
        (
            "closed addresses",
            {one.network for one in before.closed_addresses},
            {one.network for one in after.closed_addresses},
        ),
    ):
        if added := sorted(becomes - was):
            yield f"{words}, new: {', '.join(added)}"
        if gone := sorted(was - becomes):
            yield f"{words}, gone: {', '.join(gone)}"
        if words == "closed addresses" and was == becomes and before.closed_addresses != after.closed_addresses:
            yield "closed addresses: another category or note"


def _pupil_pages(before: PupilPages, after: PupilPages) -> Iterator[str]:
    if before.help_line != after.help_line:
        yield f"the help line on pupils' pages: {after.help_line or 'none'}, before: {before.help_line or 'none'}"
    if before.rules != after.rules:
        yield f"the rules on the poster: {len(after.rules) or 'those that Hallpass brings'}"
    if before.shared != after.shared:
        yield f"shared devices: {', '.join(after.shared) or 'none'}, before: {', '.join(before.shared) or 'none'}"


def _bundles(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    was, becomes = ({one.site: one.names for one in settings.bundles} for settings in (before, after))
    for site in sorted({*was, *becomes}):
        if was.get(site) != becomes.get(site):
            names = ", ".join(becomes.get(site, ())) or "nothing else"
            yield (
                f"{site} opens with {names}" if site in becomes else f"{site}: no bundle of the school's any more"
            )


def _plans(before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    was, becomes = ({one.id: one for one in settings.school_plans} for settings in (before, after))
    yield from (f"new: {one.title}" for plan_id, one in becomes.items() if plan_id not in was)
    yield from (f"gone: {one.title}" for plan_id, one in was.items() if plan_id not in becomes)
    for plan_id in was.keys() & becomes.keys():
        if was[plan_id] != becomes[plan_id]:
            yield f"changed: {becomes[plan_id].title}"
    if list(was.values()) != list(becomes.values()) and was == becomes:
        yield "in another order"
