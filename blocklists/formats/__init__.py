"""The syntaxes in which lists are published, each in a file of its own.

Every format is a class with the same shape (`Parser`): it is made for one file, is given its lines one after the
other, and gives back what they say. A line that says nothing usable raises `NotUnderstood` with the reason.
Hygiene that all formats share (blanks, byte order mark, trailing dot, comments) is in `text`.

Each module names the primary source of its format. `FORMATS` is the one table of them: the compiler, the sources
file, central's page and the documents follow it.
"""

from blocklists.formats.adblock import AdBlock
from blocklists.formats.dnsmasq import Dnsmasq
from blocklists.formats.domains import Domains, SquidGuard
from blocklists.formats.hosts import Hosts
from blocklists.formats.parser import Parser
from blocklists.formats.regexes import Regexes
from blocklists.formats.rpz import Rpz
from blocklists.formats.unbound import Unbound
from blocklists.formats.wildcards import Wildcards

FORMATS: dict[str, type[Parser]] = {
    "hosts": Hosts,
    "domains": Domains,
    "squidguard": SquidGuard,
    "dnsmasq": Dnsmasq,
    "unbound": Unbound,
    "rpz": Rpz,
    "adblock": AdBlock,
    "wildcards": Wildcards,
    "regex": Regexes,
}

DETECTED = "auto"  # in place of a format: the list's first lines say which (`format_detection`)


def format_names() -> tuple[str, ...]:
    """Return what may be written where a source names its format."""
    return (DETECTED, *FORMATS)


__all__ = ["DETECTED", "FORMATS", "Parser", "format_names"]
