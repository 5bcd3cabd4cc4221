"""What a change of the school's settings would do, shown before it is saved.

Sites are decided by the code that decides in rooms, over the published lists, at this hour: those that many people
know, and those that are open for now. What is of a room alone (a lesson, a pause) is not known here.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import school_settings, week_counts
from appliance.central.change_preview import WELL_KNOWN_SITES, GroupSites, group_changes
from appliance.central.decision_preview import DecisionPreview
from appliance.central.models import UnblockRow
from appliance.central.school_settings_differences import differences, unlocking_warning
from appliance.central.school_settings_values import SchoolSettings, document_fields
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.lookups import canonical
from dns.policy.verdict import Step


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change comes to."""

    words: tuple[str, ...]  # what differs
    groups: tuple[GroupSites, ...]  # only those for which a well-known site is decided otherwise
    closing: tuple[str, ...]  # sites that are open for now and would close, since nobody may open them any more
    last_week: tuple[str, ...]  # what is known of it from the last week, each as one sentence
    warning: str  # what somebody should know and say that they do; "": nothing of the kind


def preview_settings(
    session: Session, preview: DecisionPreview, now: datetime, *, changed: SchoolSettings
) -> SettingsChange:
    """Tell what would differ if these settings were in force. Raises NotPossible for what cannot be set."""
    before = school_settings.read_settings(session)
    after = school_settings.checked_settings(session, changed)
    present = preview.current_policy(session)
    future = preview.compile_document(session, msgspec.structs.replace(present.document, **document_fields(after)))
    return SettingsChange(
        words=tuple(differences(before, after)),
        groups=tuple(group_changes(present, future, now, WELL_KNOWN_SITES)),
        closing=tuple(_closing(session, present, future, now)),
        last_week=tuple(_last_week(session, now, before, after)),
        warning=unlocking_warning(before, after),
    )


def _closing(session: Session, present: CompiledPolicy, future: CompiledPolicy, now: datetime) -> Iterable[str]:
    """Return the sites of openings that would be locked; for which group they are open is all the same."""
    group = present.document.default_group
    views = (present.view_for_group(group), future.view_for_group(group))
    running = select(UnblockRow).where(UnblockRow.ended_at.is_(None), UnblockRow.until > now)
    names = {canonical(name) for one in session.scalars(running) for name in (one.site, *one.also)}
    for name in sorted(names):
        was, becomes = (view.decide(name, 1, now.timestamp()).step for view in views)
        if becomes is Step.LOCKED and was is not Step.LOCKED:
            yield name


def _last_week(session: Session, now: datetime, before: SchoolSettings, after: SchoolSettings) -> Iterator[str]:
    was, becomes = {*before.locked_categories}, {*after.locked_categories}
    if was - becomes:
        found = week_counts.count_refusals(session, now, was - becomes)
        yield from week_counts.refused_words(found)
    if becomes - was:
        yield from week_counts.closing_words(session, now, becomes - was)
    if before.incidents != after.incidents or before.tunnels != after.tunnels:
        yield from week_counts.incident_words(session, now)
