"""What differs between two settings of a school, in words for the audit and for people."""

from collections.abc import Iterator

from appliance.central.school_settings_values import SchoolSettings
from blocklists.categories import category_name, is_sensitive
from dns.policy.document import PupilPages
from dns.policy.setting_limits import THRESHOLD_WORDS

TUNNEL_WORDS = {"off": "not looked for", "report": "reported", "close": "reported and closed"}


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
