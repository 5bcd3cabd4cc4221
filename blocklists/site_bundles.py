"""Site bundles: what else must open with a site so that it works (picture, script and stream hosts).

Our own file (`site_bundles.toml`), for the sites that teachers ask for most. A bundle is found by any name of the
site or under it; the names in it are opened with their subdomains, as long as the site is.
"""

from functools import cache
from importlib import resources

import msgspec

from dns.message.names import parents


class BuiltinSiteBundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site and what it needs."""

    name: str  # as a person calls it
    sites: tuple[str, ...]  # the names under which it is asked for
    needs: tuple[str, ...] = ()  # what it needs besides
    classroom: bool = False  # lessons are held with it: no list may close it
    note: str = ""  # what a coordinator should know before opening it


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bundle: tuple[BuiltinSiteBundle, ...]


@cache
def load_site_bundles() -> tuple[BuiltinSiteBundle, ...]:
    """Return all bundles."""
    text = resources.files("blocklists").joinpath("site_bundles.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_File).bundle


def find_site_bundle(site: str) -> BuiltinSiteBundle | None:
    """Return the bundle that a canonical name belongs to, or None; the longest name decides."""
    by_site = _by_site()
    for name in parents(site):
        if name in by_site:
            return by_site[name]
    return None


def needed_by(site: str) -> tuple[str, ...]:
    """Return what opens with a site (a canonical name) so that it works.

    A part of a site brings the hosts that the whole needs, but not the whole: nobody granted that.
    """
    bundle = find_site_bundle(site)
    if bundle is None:
        return ()
    if site.removeprefix("www.") in bundle.sites:
        return tuple(name for name in (*bundle.sites, *bundle.needs) if name != site)
    return bundle.needs


def classroom_sites() -> tuple[str, ...]:
    """Return the names of the sites that lessons are held with."""
    return tuple(site for bundle in load_site_bundles() if bundle.classroom for site in bundle.sites)


@cache
def _by_site() -> dict[str, BuiltinSiteBundle]:
    return {site: bundle for bundle in load_site_bundles() for site in bundle.sites}
