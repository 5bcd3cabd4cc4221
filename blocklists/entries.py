"""What a list says, whatever its syntax: entries for names, and patterns.

An entry closes or opens a name. How the entries that match one name are weighed against each other is told in
`blocklists.precedence`; here is only what they are.
"""

import enum

import msgspec


class Match(enum.IntEnum):
    """Which names an entry speaks of."""

    EXACT = 0  # the name itself
    SUBDOMAINS = 1  # the name and everything under it
    BELOW = 2  # everything under the name, not the name itself


class Effect(enum.IntEnum):
    """What an entry does to the names it speaks of."""

    CLOSE = 0
    CLOSE_IMPORTANT = 1  # AdBlock's $important
    OPEN = 2  # AdBlock's @@: against every CLOSE
    OPEN_IMPORTANT = 3
    OPEN_LONGEST = 4  # dnsmasq, Unbound, RPZ: against entries for the same name or a parent of it


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What limits an entry further. Record types are their numbers."""

    types: tuple[int, ...] = ()  # only for these record types; empty: for all
    not_types: tuple[int, ...] = ()  # not for these
    except_names: tuple[str, ...] = ()  # not for these names and their subdomains (AdBlock's $denyallow)


class Entry(msgspec.Struct, frozen=True):
    """What a list says of one canonical name."""

    name: str
    match: Match
    effect: Effect = Effect.CLOSE
    condition: Condition | None = None


class Pattern(msgspec.Struct, frozen=True):
    """What a list says of all names in which a regular expression is found."""

    regex: str
    effect: Effect = Effect.CLOSE
    condition: Condition | None = None
    text: str = ""  # as it stands in the list; empty: /regex/


class Withdrawn(msgspec.Struct, frozen=True):
    """An item that the same list takes back (AdBlock's $badfilter)."""

    item: Entry | Pattern


class Problem(msgspec.Struct, frozen=True):
    """A line that was passed over, and why."""

    file: str
    line: int
    reason: str
    text: str  # the beginning of the line
