"""The school's own site bundles: the names that open with a site, and are part of a lesson with it.

One of the school's takes the place of the one that Hallpass knows for the same site (`blocklists.site_bundles`).
All of them are one field of the school's settings; adding, changing and removing one touches no other.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import school_settings, week_counts
from appliance.central.decision_preview import DecisionPreview, SitePreview
from appliance.central.errors import NotFound
from appliance.central.models import UnblockRow
from appliance.central.school_settings_check import bundle_site
from appliance.central.school_settings_values import SchoolSettings, revision_of_values
from blocklists.site_bundles import needed_by
from dns.errors import InvalidName
from dns.policy.document import SiteBundle
from dns.policy.site_bundles import SiteBundles

_FIELD = frozenset({"bundles"})


class BundleName(msgspec.Struct, frozen=True, kw_only=True):
    """A name that would open with a site."""

    name: str
    is_new: bool  # it does not open with the site now
    preview: SitePreview  # of the name alone, for devices that nobody has named


class BundleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle comes to."""

    site: str
    names: tuple[BundleName, ...]  # the site itself first
    no_longer: tuple[str, ...]  # what opens with the site now, and would not any more
    last_week: tuple[str, ...]  # what is known of new names from the last week
    openings: int  # of the site, that are in force now or planned: they follow at once


def list_bundles(session: Session) -> tuple[SiteBundle, ...]:
    """Return the school's own bundles, by site."""
    return school_settings.read_settings(session).bundles


def find_bundle(session: Session, site: str) -> SiteBundle | None:
    """Return the school's own bundle of a site, however it is written, or None. Raises NotPossible for no site."""
    wanted = bundle_site(site)
    return next((one for one in list_bundles(session) if one.site == wanted), None)


def names_now(session: Session, site: str) -> tuple[str, ...]:
    """Return what opens with a site now, without the site. Raises NotPossible for what is no site."""
    wanted = bundle_site(site)
    return SiteBundles(needed_by, list_bundles(session)).expand_site(wanted)[1:]


def needed_with(session: Session, site: str) -> tuple[str, ...]:
    """Return what opens with a site, as rooms open it; nothing with what is none: a request is kept as it came."""
    try:
        return SiteBundles(needed_by, list_bundles(session)).expand_site(site)[1:]
    except InvalidName:
        return ()


def put_bundle(
    session: Session, now: datetime, *, site: str, names: Iterable[str], by: str, revision: str | None = None
) -> str:
    """Say what opens with a site; return the change's id, "" where it was so.

    `revision`: of the bundle that the caller started from; None where none was looked at. Raises NotPossible, or
    ChangedMeanwhile.
    """
    wanted = SiteBundle(site=bundle_site(site), names=tuple(names))
    settings = school_settings.read_settings(session)
    if revision is not None and revision != bundle_revision(find_bundle(session, wanted.site)):
        checked = school_settings.checked_settings(session, _with(settings, wanted))
        if checked.bundles == settings.bundles:
            return ""  # by the first of two clicks
        raise school_settings.changed_meanwhile(session, school_settings.BUNDLES_KIND)
    return school_settings.save_settings(
        session, now, changed=_with(settings, wanted), by=by, fields=_FIELD, revision=""
    )


def remove_bundle(session: Session, now: datetime, *, site: str, by: str) -> str:
    """Remove the school's own bundle of a site; return the change's id. Raises NotFound or NotPossible."""
    found = find_bundle(session, site)
    if found is None:
        raise NotFound(f"the school has no bundle for {bundle_site(site)}")
    settings = school_settings.read_settings(session)
    rest = tuple(one for one in settings.bundles if one.site != found.site)
    changed = msgspec.structs.replace(settings, bundles=rest)
    return school_settings.save_settings(session, now, changed=changed, by=by, fields=_FIELD)


def preview_bundle(
    session: Session, preview: DecisionPreview, now: datetime, *, site: str, names: Iterable[str]
) -> BundleChange:
    """Tell what would open with a site. Raises NotPossible for names that cannot be opened."""
    settings = school_settings.read_settings(session)
    wanted = SiteBundle(site=bundle_site(site), names=tuple(names))
    checked = school_settings.checked_settings(session, _with(settings, wanted))
    (bundle,) = (one for one in checked.bundles if one.site == wanted.site)
    before = names_now(session, bundle.site)
    new = [name for name in bundle.names if name not in before]
    running = select(UnblockRow.id).where(
        UnblockRow.ended_at.is_(None),
        UnblockRow.until > now,
        UnblockRow.site.in_((bundle.site, f"www.{bundle.site}")),
    )
    return BundleChange(
        site=bundle.site,
        names=tuple(
            BundleName(
                name=name, is_new=name not in {bundle.site, *before}, preview=preview.preview_site(session, name)
            )
            for name in (bundle.site, *bundle.names)
        ),
        no_longer=tuple(name for name in before if name not in bundle.names),
        last_week=tuple(week_counts.site_words(session, now, new)) if new else (),
        openings=len(session.scalars(running).all()),
    )


def bundle_revision(bundle: SiteBundle | None) -> str:
    """Return what names a bundle as it stands; "" where there is none."""
    return "" if bundle is None else revision_of_values([bundle])


def _with(settings: SchoolSettings, bundle: SiteBundle) -> SchoolSettings:
    rest = (one for one in settings.bundles if one.site != bundle.site)
    return msgspec.structs.replace(settings, bundles=(*rest, bundle))
