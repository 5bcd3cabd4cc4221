"""Profiles that are added in one press: by age for pupils, for staff and for visitors' own devices.

What they close stands in the catalogue's ready-made sets (`blocklists/catalogue.toml`), so that a set and a single
profile of the same name say the same.
"""

from collections.abc import Mapping

import msgspec

from appliance.central.profile_settings import ProfileSettings
from blocklists.catalogue import SetProfile, load_catalogue

# The name here: the set and the profile in it, and whether a refused site shows the page for pupils.
_CHOSEN: Mapping[str, tuple[str, str, bool]] = {
    "early years": ("primary-school", "early years", True),
    "key stage 1": ("primary-school", "key stage 1", True),
    "key stage 2": ("primary-school", "key stage 2", True),
    "secondary": ("secondary-school", "years 7 to 9", True),
    "sixth form": ("secondary-school", "sixth form", True),
    "staff": ("primary-school", "staff", False),
    "visitors": ("primary-school", "visitors", False),
}


class ReadyMadeProfile(msgspec.Struct, frozen=True):
    """What is added, and for whom it is."""

    settings: ProfileSettings
    about: str


def list_ready_made_profiles() -> tuple[ReadyMadeProfile, ...]:
    """Return them, the youngest first."""
    catalogue = load_catalogue()
    return tuple(
        _ready_made(
            name, next(one for one in catalogue.find_set(set_id).profiles if one.name == profile), has_page
        )
        for name, (set_id, profile, has_page) in _CHOSEN.items()
    )


def _ready_made(name: str, found: SetProfile, has_page: bool) -> ReadyMadeProfile:  # noqa: FBT001 (a column of the table above)
    settings = ProfileSettings(
        name=name,
        closed=tuple(sorted(found.closed)),
        safe_search=found.safe_search,
        keywords=found.keywords,
        strip_ech=found.safe_search,
        refusal="page" if has_page else "null",
    )
    return ReadyMadeProfile(settings, found.about)
