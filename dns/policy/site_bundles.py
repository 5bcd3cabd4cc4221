"""What sites need in order to work: the names their pictures, scripts and films come from.

What is known of a site comes from whoever makes the policy (package `blocklists` ships some); a school's own
bundle of the same site, from the document, replaces that. It stands for its site with and without ``www.``.
"""

from collections.abc import Callable, Iterable

from dns.policy.document import Bundle
from dns.policy.lookups import canonical

NeededBy = Callable[[str], tuple[str, ...]]  # the further names that a site (a canonical name) needs


def nothing_known(site: str) -> tuple[str, ...]:  # noqa: ARG001 (the shape of NeededBy)
    """Know of no site what it needs."""
    return ()


class Bundles:
    """Knows what opens together."""

    def __init__(self, needed_by: NeededBy, school: Iterable[Bundle] = ()) -> None:
        self._needed_by = needed_by
        self._school = {canonical(bundle.site): bundle.names for bundle in school}

    def opened_with(self, site: str, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return every name that opens with a site, itself first, in canonical form. Raises InvalidName."""
        name = canonical(site)
        needed = self._school.get(name, self._school.get(name.removeprefix("www.")))
        if needed is None:
            needed = self._needed_by(name)
        return tuple(dict.fromkeys((name, *map(canonical, (*also, *needed)))))
