"""What sites need in order to work: the names their pictures, scripts and films come from.

The known bundles come from whoever makes the policy (package `blocklists` ships some); a school's own bundle of
the same site, from the document, replaces the known one. A bundle stands under its site with and without ``www.``.
"""

from collections.abc import Iterable, Mapping

from dns import names
from dns.policy.document import Bundle


class Bundles:
    """Knows what opens together."""

    def __init__(self, known: Mapping[str, tuple[str, ...]], school: Iterable[Bundle] = ()) -> None:
        self._known = known
        self._school = {names.canonical(bundle.site): bundle.names for bundle in school}

    def opened_with(self, site: str, also: Iterable[str] = ()) -> tuple[str, ...]:
        """Return every name that opens with a site, itself first, in canonical form. Raises InvalidName."""
        name = names.canonical(site)
        plain = name.removeprefix("www.")
        for table in (self._school, self._known):
            needed = table.get(name, table.get(plain))
            if needed is not None:
                break
        else:
            needed = ()
        return tuple(dict.fromkeys((name, *map(names.canonical, (*also, *needed)))))
