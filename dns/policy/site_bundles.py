"""What sites need in order to work: the names their pictures, scripts and films come from.

What is known of a site comes from whoever makes the policy (package `blocklists` ships some); a school's own
bundle of the same site, from the document, replaces that. It stands for its site with and without ``www.``.
"""

from collections.abc import Callable, Iterable

from dns.policy.document import SiteBundle
from dns.policy.lookups import canonical

NeededNames = Callable[[str], tuple[str, ...]]  # the further names that a site (a canonical name) needs


def no_needed_names(site: str) -> tuple[str, ...]:  # noqa: ARG001 (the shape of NeededNames)
    """Know of no site what it needs."""
    return ()


class SiteBundles:
    """Knows what opens together."""

    def __init__(self, needed_names: NeededNames, school: Iterable[SiteBundle] = ()) -> None:
        self._needed_names = needed_names
        self._school = {canonical(bundle.site): bundle.names for bundle in school}

    def expand_site(self, site: str, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return every name that opens with a site, itself first, in canonical form. Raises InvalidName."""
        name = canonical(site)
        needed = self._school.get(name, self._school.get(name.removeprefix("www.")))
        if needed is None:
            needed = self._needed_names(name)
        return tuple(dict.fromkeys((name, *map(canonical, (*also, *needed)))))
