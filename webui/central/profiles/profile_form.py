"""A profile's form: what stands in it, and the settings that somebody sent with it."""

from collections.abc import Mapping, Sequence

import msgspec
from werkzeug.datastructures import MultiDict

from appliance.central.profile_settings import ProfileSettings, parse_settings
from blocklists.categories import CATEGORIES_BY_ID, category_name
from dns.policy.document import EVERY_CATEGORY
from dns.policy.safe_search import ENGINES, ENGINES_WITH_SAFE_NAME
from webui.shared.translation import translatable

REFUSALS: Mapping[str, str] = {
    "null": translatable("Nothing: the site does not load"),
    "page": translatable("The school's page for pupils, with “Tell a grown-up”"),
    "nxdomain": translatable("Nothing: the site seems not to exist"),
}
YOUTUBE: Mapping[str, str] = {
    "strict": translatable("Strict: the fewest videos"),
    "moderate": translatable("Moderate: more videos, for older pupils"),
    "off": translatable("As it is: no limits"),
}


class CategoryChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One category beside its switch."""

    id: str
    name: str
    about: str
    is_locked: bool
    is_listed: bool  # some list brings it, or could


def category_choices(
    settings: ProfileSettings, known: Sequence[str], locked: Sequence[str]
) -> list[CategoryChoice]:
    """Return what can be closed: what is known, and what the profile closes already."""
    own = sorted(settings.categories - {*known, EVERY_CATEGORY})
    return [
        CategoryChoice(
            id=one,
            name=category_name(one),
            about=CATEGORIES_BY_ID[one].about if one in CATEGORIES_BY_ID else "",
            is_locked=one in locked,
            is_listed=one in known,
        )
        for one in (*known, *own)
    ]


def engine_choices() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the search engines with a safe version, and those without, which are closed."""
    return ENGINES_WITH_SAFE_NAME, tuple(sorted(ENGINES - {*ENGINES_WITH_SAFE_NAME}))


def sent_settings(form: MultiDict[str, str], current: ProfileSettings) -> ProfileSettings:
    """Return the settings that were sent; what the form does not hold stays. Raises NotPossible."""
    return parse_settings(
        {
            "name": form.get("name", current.name),
            "closed": form.getlist("closed"),
            "safe_search": "safe_search" in form.getlist("switches"),
            "youtube": form.get("youtube", current.youtube),
            "safe_search_except": form.getlist("safe_search_except"),
            "keywords": "keywords" in form.getlist("switches"),
            "strip_ech": "strip_ech" in form.getlist("switches"),
            "refusal": form.get("refusal", current.refusal),
            "timetable": current.timetable,
        }
    )
