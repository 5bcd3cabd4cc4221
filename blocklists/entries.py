"""What a list says, whatever its syntax: entries for names, and patterns.

An entry blocks or allows a name. Which of the entries that match one name counts is settled in
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

    BLOCK = 0
    BLOCK_IMPORTANT = 1  # AdBlock's $important
    ALLOW = 2  # AdBlock's @@: against every BLOCK
    ALLOW_IMPORTANT = 3
    ALLOW_LONGEST = 4  # dnsmasq, Unbound, RPZ: against entries for the same name or a parent of it


class EntryCondition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What limits an entry further. Record types are their numbers."""

    types: tuple[int, ...] = ()  # only for these record types; empty: for all
    not_types: tuple[int, ...] = ()  # not for these
    except_names: tuple[str, ...] = ()  # not for these names and their subdomains (AdBlock's $denyallow)


class NameEntry(msgspec.Struct, frozen=True):
    """What a list says of one canonical name."""

    name: str
    match: Match
    effect: Effect = Effect.BLOCK
    condition: EntryCondition | None = None


class PatternEntry(msgspec.Struct, frozen=True):
    """What a list says of all names in which a regular expression is found."""

    regex: str
    effect: Effect = Effect.BLOCK
    condition: EntryCondition | None = None
    text: str = ""  # as it stands in the list; empty: /regex/


class BadFilter(msgspec.Struct, frozen=True):
    """An item that the same list takes back (AdBlock's $badfilter)."""

    item: NameEntry | PatternEntry


class BadWord(msgspec.Struct, frozen=True):
    """A word of a line that says nothing usable, beside others that do."""

    reason: str
    text: str


Item = NameEntry | PatternEntry | BadWord  # what a line may say


class SkippedLine(msgspec.Struct, frozen=True):
    """A line that was passed over, and why."""

    file: str
    line: int
    reason: str
    text: str  # the beginning of the line
