"""Names that no list can close, whatever it says: without them the appliance, or teaching, stops working.

Three parts: what the appliance itself needs (below), what schools teach with (`blocklists.education`), and the
sites of the classroom's bundles (`blocklists.site_bundles`). They are taken out whenever an index is compiled,
and stand in its tables, so that a closing of a parent (`minecraft.net`) leaves them (`education.minecraft.net`)
open as well; keywords leave them alone too.

In the order of a decision (`dns.policy.steps`) this is part of step 7, the lists, of step 8, the keywords, and
of the lists' part in step 1, a locked category. So everything else still closes them: a locked rule, a
suspension, a pause, the school's own rule, a lesson of other sites. A school adds names of its own where
central knows them.
"""

from collections.abc import Iterable
from functools import cache

from blocklists.education import education_names
from blocklists.site_bundles import classroom_sites
from dns.message.names import parents

APPLIANCE_NAMES = (
    # The machine and the network it stands in.
    "localhost",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "resolver.arpa",
    # Where the appliance gets its time and its updates.
    "pool.ntp.org",
    "deb.debian.org",
    "security.debian.org",
    "archive.raspberrypi.com",
    # Where safe search leads: closing these would close search itself.
    "forcesafesearch.google.com",
    "restrict.youtube.com",
    "restrictmoderate.youtube.com",
    "strict.bing.com",
    "safe.duckduckgo.com",
    "strict-safe-search.ecosia.org",
    "forcesafe.search.brave.com",
    "safesearch.pixabay.com",
    "familysearch.yandex.ru",
)


class NeverBlockNames:
    """Tells quickly whether a name is one that no list can close, or under one."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take canonical names; each counts with its subdomains."""
        self._names = frozenset(names)
        self._ends = frozenset(".".join(name.split(".")[-2:]) for name in self._names if "." in name)
        self._words = frozenset(name for name in self._names if "." not in name)

    def covers(self, name: str) -> bool:
        """Tell whether no list can close a canonical name."""
        # Called for every closing and every listed name. Nearly all share not even their last two labels with one.
        last = name.rfind(".")
        end = name[name.rfind(".", 0, last) + 1 :]
        if end not in self._ends and name[last + 1 :] not in self._words:
            return False
        return not self._names.isdisjoint(parents(name))


@cache
def never_block_names() -> tuple[str, ...]:
    """Return all names that no list can close, each once; each counts with its subdomains."""
    return tuple(dict.fromkeys((*APPLIANCE_NAMES, *education_names(), *classroom_sites())))


def all_never_block_names(more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return all names that no list can close, and others after them, sorted."""
    shipped = never_block_names()
    return (*shipped, *sorted(set(more).difference(shipped)))


def is_taught_with(domain: str) -> bool:
    """Tell whether a registrable domain is one that schools teach or work with, or the parent of such a host."""
    under = f".{domain}"
    return any(name == domain or name.endswith(under) for name in never_block_names())
