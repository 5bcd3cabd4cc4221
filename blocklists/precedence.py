"""How the entries that match one name are resolved against each other (their precedence).

Within one category, and only there (an exception in an advertising list never opens what is closed as pornography;
ADR 0006), the first of these that is there decides:

1. an important exception opens
2. important entries close
3. an exception opens
4. a closing entry closes, unless an entry of the longest-suffix kind (dnsmasq, Unbound, RPZ) for the same name or
   a longer one opens

A *list of openings* (a source with `action = "allow"`, a squidGuard list that is only "white") stands above
these: it opens what the lists of its category close, or of every category, however they say it. It opens
nothing that is locked, so what it opens is marked, not left out (`dns.policy.verdict.BlockEntry`).
"""

from collections.abc import Iterable, Sequence

import msgspec

from blocklists.categories import EVERY_CATEGORY
from blocklists.container import Tables
from blocklists.entries import Effect, EntryCondition, Match
from dns.message.names import is_under
from dns.policy.verdict import BlockEntry


class EntryGroup(msgspec.Struct, frozen=True):
    """What one or several sources of a category say alike of one name."""

    category: str
    source_names: tuple[str, ...]
    sources: str  # their names joined by ", "
    match: Match
    effect: Effect
    condition: EntryCondition | None
    is_anchored: bool  # written ||name^ in the list
    has_syntax: bool  # whether an entry is written otherwise than as its bare name
    opens_lists: bool = False  # whether it stands in a list of openings

    def entry_text(self, name: str) -> str:
        """Return the entry as a person would look for it in the list."""
        if self.match is Match.BELOW:
            return f"*.{name}"
        text = f"||{name}^" if self.is_anchored and self.match is Match.SUBDOMAINS else name
        if self.effect in (Effect.ALLOW, Effect.ALLOW_IMPORTANT):
            text = f"@@{text}"
        if self.effect in (Effect.BLOCK_IMPORTANT, Effect.ALLOW_IMPORTANT):
            text = f"{text}$important"
        return text


class Hit(msgspec.Struct, frozen=True):
    """A group that matches the name in question."""

    group: EntryGroup
    depth: int  # length of the entry's name; patterns count as the asked name itself
    entry: str

    def block_entry(self, *, is_opened: bool = False) -> BlockEntry:
        """Return it as a reason for blocking."""
        return BlockEntry(self.group.category, self.group.sources, self.entry, is_opened)


def group_attributes(tables: Tables, attributes: Iterable[int]) -> tuple[EntryGroup, ...]:
    """Return attributes joined where only their sources differ."""
    joined: dict[tuple[str, int, int, int, bool, bool], list[str]] = {}
    for number in attributes:
        one = tables.attributes[number]
        source = tables.sources[one.source]
        anchored = source.format == "adblock"
        alike = (source.category, one.match, one.effect, one.condition, anchored, source.opens)
        joined.setdefault(alike, []).append(source.name)
    return tuple(
        EntryGroup(
            category,
            tuple(sources),
            ", ".join(sources),
            Match(match),
            Effect(effect),
            tables.conditions[condition] if condition >= 0 else None,
            anchored,
            anchored or match == Match.BELOW or effect != Effect.BLOCK,
            opens,
        )
        for (category, match, effect, condition, anchored, opens), sources in joined.items()
    )


def condition_applies(condition: EntryCondition, name: str, qtype: int) -> bool:
    """Tell whether a condition lets an entry speak of this name and type."""
    if condition.types and qtype not in condition.types:
        return False
    return qtype not in condition.not_types and not any(is_under(name, left) for left in condition.except_names)


def resolve_entries(hits: Sequence[Hit]) -> tuple[BlockEntry, ...]:
    """Return the entries that block, in the order of the hits, marked where a list of openings opens them."""
    opened = {hit.group.category for hit in hits if hit.group.opens_lists}
    blocking = resolve_hits([hit for hit in hits if not hit.group.opens_lists])
    return tuple(
        hit.block_entry(is_opened=not opened.isdisjoint((hit.group.category, EVERY_CATEGORY))) for hit in blocking
    )


def resolve_hits(hits: Sequence[Hit]) -> list[Hit]:
    """Return those hits that block, in the order in which they came."""
    by_category: dict[str, list[Hit]] = {}
    for hit in hits:
        by_category.setdefault(hit.group.category, []).append(hit)
    return [hit for alike in by_category.values() for hit in _resolve_category(alike)]


def _resolve_category(hits: list[Hit]) -> list[Hit]:
    effects = {hit.group.effect for hit in hits}
    if Effect.ALLOW_IMPORTANT in effects:
        return []
    if Effect.BLOCK_IMPORTANT in effects:
        return [hit for hit in hits if hit.group.effect is Effect.BLOCK_IMPORTANT]
    if Effect.ALLOW in effects:
        return []
    allowed_depth = max((hit.depth for hit in hits if hit.group.effect is Effect.ALLOW_LONGEST), default=-1)
    return [hit for hit in hits if hit.group.effect is Effect.BLOCK and hit.depth > allowed_depth]
