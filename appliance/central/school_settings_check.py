"""What the settings of a school may be, and in which spelling they are kept."""

from collections import Counter
from collections.abc import Iterator

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.errors import NotPossible
from appliance.central.models import DelegationRow
from appliance.central.profiles import known_categories
from appliance.central.school_identity import name_errors, tidy_name, timezone_errors
from appliance.central.school_settings_values import SchoolSettings, document_fields
from appliance.central.site_names import checked_rule_name, checked_site
from appliance.control_characters import find_control_character
from blocklists.categories import category_name
from dns.policy.document import BlockedRange, PolicyDocument, PupilPages, SiteBundle
from dns.policy.site_names import reason_why_not
from dns.policy.validation import validation_errors

MAX_PRIVATE_NAMES = 200
MAX_CLOSED_ADDRESSES = 500
MAX_BUNDLES = 200
MAX_BUNDLE_NAMES = 60
MAX_NOTE_LENGTH = 200


def check_settings(session: Session, settings: SchoolSettings, *, before: SchoolSettings) -> SchoolSettings:
    """Return settings as they are kept: names in one spelling, each once. Raises NotPossible.

    `before`: what is set now; of what it has, nobody is told that there is no such category.
    """
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
        *validation_errors(PolicyDocument(version=0, **document_fields(settings, without=("timezone",)))),
        *_category_errors(session, before, settings),
        *_size_errors(settings),
    ]
    if errors:
        raise NotPossible("; ".join(errors))
    return settings


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
