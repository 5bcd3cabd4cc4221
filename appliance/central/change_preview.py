"""What a change of a profile would open and close, shown before it is saved.

Categories are counted from the settings, at every hour; the well-known sites are decided by the code that decides
in rooms (what `hallpass check` says), at this hour, over the published lists.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from appliance.central import profiles, school_year, timetables, week_counts
from appliance.central.decision_preview import DecisionPreview
from appliance.central.profile_settings import ProfileSettings, read_settings
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import EVERY_CATEGORY, PolicyDocument, Profile
from dns.policy.explain import Explanation, explain
from dns.policy.verdict import Action
from dns.policy.view import CompiledView

# Sites that nearly everybody knows, of every kind that schools argue about; none that no page should name.
WELL_KNOWN_SITES = (
    "www.youtube.com", "www.tiktok.com", "www.instagram.com", "www.facebook.com", "www.snapchat.com",
    "discord.com", "web.whatsapp.com", "www.reddit.com", "www.pinterest.com", "x.com", "poki.com",
    "www.roblox.com", "coolmathgames.com", "www.minecraft.net", "store.steampowered.com",
    "www.epicgames.com", "www.twitch.tv", "www.netflix.com", "open.spotify.com", "www.disneyplus.com",
    "www.amazon.co.uk", "www.ebay.co.uk",
    "www.argos.co.uk", "chatgpt.com", "character.ai", "gemini.google.com", "www.canva.com", "mail.yahoo.com",
    "outlook.live.com", "wetransfer.com", "www.dropbox.com", "mega.nz", "bit.ly", "tinyurl.com", "nordvpn.com",
    "protonvpn.com", "www.bet365.com", "tinder.com", "www.teamviewer.com", "www.mumsnet.com", "www.google.com",
    "www.bing.com", "duckduckgo.com", "search.yahoo.com", "www.bbc.co.uk", "www.wikipedia.org",
)  # fmt: skip


class SiteChange(msgspec.Struct, frozen=True, kw_only=True):
    """A well-known site that would be decided in another way."""

    site: str
    was: str  # "allowed", "refused" or "rewritten" (to the safe version)
    becomes: str
    why: str  # in the engine's words
    found: Explanation  # what it would be; where it opens, what closes it until then


class GroupSites(msgspec.Struct, frozen=True, kw_only=True):
    """The sites that would be decided in another way for a group."""

    group: str
    sites: tuple[SiteChange, ...]


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change comes to."""

    opened: tuple[str, ...]  # categories that are no longer closed at every hour
    closed: tuple[str, ...]
    sites: tuple[SiteChange, ...]
    others: tuple[str, ...]  # what else differs, in words
    last_week: tuple[str, ...]  # what is known of it from the last week, each as one sentence


def preview_profile(
    session: Session, preview: DecisionPreview, now: datetime, *, name: str, changed: ProfileSettings
) -> ProfileChange:
    """Tell what would differ if the profile `name` were set so. Raises NotFound or PolicyInvalid."""
    before = read_settings(profiles.get_profile(session, name))
    known, locked = {*profiles.known_categories(session)}, {*profiles.list_locked_categories(session)}
    was, becomes = (_closed(one, known) | locked for one in (before, changed))
    week = school_year.read_school_year(session).week
    present = preview.current_policy(session)
    future = preview.compile_document(
        session, _with_profile(present.document, before.name, timetables.to_profile(changed, week))
    )
    views = (present.view_for_group(before.name), future.view_for_group(changed.name))
    sites = site_changes(WELL_KNOWN_SITES, *views, now)
    words = profiles.differences(before, changed)
    opened, closed = was - becomes, becomes - was
    return ProfileChange(
        opened=tuple(sorted(opened)),
        closed=tuple(sorted(closed)),
        sites=sites,
        others=tuple(one for one in words if not one.startswith(("+", "-"))),
        last_week=(
            *week_counts.opening_words(session, now, opened),
            *week_counts.closing_words(session, now, closed),
        ),
    )


def site_changes(
    sites: Iterable[str], present: CompiledView, future: CompiledView, now: datetime
) -> tuple[SiteChange, ...]:
    """Return those of some sites (canonical names) that would be decided in another way, each with the reason."""
    found = (_site_change(site, present, future, now.timestamp()) for site in sites)
    return tuple(one for one in found if one is not None)


def group_changes(
    present: CompiledPolicy, future: CompiledPolicy, now: datetime, sites: Iterable[str]
) -> Iterator[GroupSites]:
    """Return for each group those of some sites that would be decided in another way; only where there are any."""
    names = tuple(sites)
    for group in present.document.groups:
        views = (present.view_for_group(group.name), future.view_for_group(group.name))
        if changed := site_changes(names, *views, now):
            yield GroupSites(group=group.name, sites=changed)


def _closed(settings: ProfileSettings, known: set[str]) -> set[str]:
    named = {*settings.closed} - {EVERY_CATEGORY}
    return named | known if EVERY_CATEGORY in settings.closed else named


def _site_change(site: str, present: CompiledView, future: CompiledView, now: float) -> SiteChange | None:
    was, becomes = present.decide(site, 1, now), future.decide(site, 1, now)
    if was.action is becomes.action and was.target == becomes.target:
        return None
    explanation = explain(future if becomes.action is not Action.ALLOW else present, site, 1, now)
    why = next((step.text for step in explanation.steps if step.wins), "")
    if becomes.action is Action.ALLOW:
        why = f"Until now: {why}"
    return SiteChange(site=site, was=was.action.value, becomes=becomes.action.value, why=why, found=explanation)


def _with_profile(document: PolicyDocument, name: str, changed: Profile) -> PolicyDocument:
    """Return a document in which one profile, and its group, is another."""
    return msgspec.structs.replace(
        document,
        profiles=tuple(changed if one.name == name else one for one in document.profiles),
        groups=tuple(
            msgspec.structs.replace(one, name=changed.name, profile=changed.name) if one.name == name else one
            for one in document.groups
        ),
        default_group=changed.name if document.default_group == name else document.default_group,
    )
