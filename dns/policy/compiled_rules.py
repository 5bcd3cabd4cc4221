"""Lays a document out for looking up: by name, by network, once for a whole policy."""

from collections.abc import Iterable, Iterator

import msgspec

from dns.policy import canary_names, safe_search
from dns.policy.context import Opening, Range, School
from dns.policy.devices import parse_networks
from dns.policy.document import EVERY_CATEGORY, Lesson, PolicyDocument, Rule
from dns.policy.lookups import Networks, by_name, canonical
from dns.policy.site_bundles import Bundles
from dns.policy.timetable import Categories
from dns.policy.validity import Moments
from dns.policy.verdict import ClosedNames


def lay_out(
    document: PolicyDocument, lists: ClosedNames, keywords: ClosedNames | None, bundles: Bundles
) -> School:
    """Return what of a document depends neither on the asker nor on the time."""
    rules = [_with_canonical_name(rule) for rule in document.rules]
    locked_rules = by_name((rule.name, rule) for rule in rules if rule.locked)
    open_rules = by_name((rule.name, rule) for rule in rules if not rule.locked)
    openings = by_name(_openings(document, bundles))
    appliance_names = _canonical(document.appliance_names)
    mentioned = frozenset(canary_names.ANSWERS).union(
        safe_search.NAMES, locked_rules, open_rules, openings, appliance_names
    )
    return School(
        lists=lists,
        keywords=keywords,
        locked_rules=locked_rules,
        locked_categories=Categories(
            frozenset(document.locked_categories), EVERY_CATEGORY in document.locked_categories
        ),
        rules=open_rules,
        openings=openings,
        appliance_names=appliance_names,
        private_names=_canonical(document.private_names),
        closed_ranges=Networks(
            (network, Range(closed.network, closed.category))
            for closed in document.closed_addresses
            for network in parse_networks(closed.network)
        ),
        mentioned=mentioned,
        telling=frozenset(max(name.split("."), key=len) for name in mentioned),
    )


def _with_canonical_name(rule: Rule) -> Rule:
    name = canonical(rule.name)
    return rule if name == rule.name else msgspec.structs.replace(rule, name=name)


def _openings(document: PolicyDocument, bundles: Bundles) -> Iterator[tuple[str, Opening]]:
    for unblock in document.unblocks:
        moments = Moments(unblock, document.issued)
        opened = bundles.opened_with(unblock.site, unblock.also)
        granted = msgspec.structs.replace(unblock, site=opened[0])
        for name in opened:
            yield name, Opening(granted, name, moments.since, moments.until)


def lesson_names(lesson: Lesson, bundles: Bundles) -> frozenset[str]:
    """Return the sites of a lesson, and what they need."""
    return frozenset(name for site in lesson.sites for name in bundles.opened_with(site, lesson.also))


def _canonical(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical, texts))
