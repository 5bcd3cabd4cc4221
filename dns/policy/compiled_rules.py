"""Lays a document out for looking up: by name, by network, once for a whole policy."""

import dataclasses
from collections.abc import Iterable, Iterator

import msgspec

from dns.policy.context import TRUST_SOURCE, CompiledRange, CompiledRules, CompiledUnblock
from dns.policy.devices import parse_networks
from dns.policy.document import EVERY_CATEGORY, Lesson, PolicyDocument, Rule
from dns.policy.embedded_names import EMBEDDING_DOMAINS
from dns.policy.lookups import NetworkTable, canonical, group_by_name
from dns.policy.site_bundles import SiteBundles
from dns.policy.step_table import StepTable
from dns.policy.timetable import Categories
from dns.policy.validity import Validity
from dns.policy.verdict import BlocklistLookup


def compile_rules(
    document: PolicyDocument,
    lists: BlocklistLookup,
    keywords: BlocklistLookup | None,
    site_bundles: SiteBundles,
    steps: StepTable,
) -> CompiledRules:
    """Return what of a document depends neither on the client nor on the time."""
    rules = [_with_canonical_name(rule) for rule in document.rules]
    trust_rules = group_by_name((rule.name, rule) for rule in rules if rule.locked and rule.by_trust)
    locked_rules = group_by_name((rule.name, rule) for rule in rules if rule.locked and not rule.by_trust)
    open_rules = group_by_name((rule.name, rule) for rule in rules if not rule.locked)
    compiled = CompiledRules(
        lists=lists,
        keywords=keywords,
        trust_rules=trust_rules,
        trust_categories=_to_categories(document.trust_categories),
        trust_source=f"{TRUST_SOURCE} ({document.trust})" if document.trust else TRUST_SOURCE,
        locked_rules=locked_rules,
        locked_categories=_to_categories({*document.locked_categories} - {*document.trust_categories}),
        rules=open_rules,
        unblocks=group_by_name(_compile_unblocks(document, site_bundles)),
        appliance_names=_canonical_names(document.appliance_names),
        private_names=_canonical_names(document.private_names),
        blocked_ranges=NetworkTable(
            (network, CompiledRange(closed.network, closed.category))
            for closed in document.closed_addresses
            for network in parse_networks(closed.network)
        ),
        known_names=frozenset(),
        longest_labels=frozenset(),
    )
    known_names = steps.known_names(compiled) | EMBEDDING_DOMAINS
    return dataclasses.replace(
        compiled,
        known_names=known_names,
        longest_labels=frozenset(max(name.split("."), key=len) for name in known_names),
    )


def _to_categories(named: Iterable[str]) -> Categories:
    categories = frozenset(named)
    return Categories(categories, EVERY_CATEGORY in categories)


def _with_canonical_name(rule: Rule) -> Rule:
    name = canonical(rule.name)
    return rule if name == rule.name else msgspec.structs.replace(rule, name=name)


def _compile_unblocks(
    document: PolicyDocument, site_bundles: SiteBundles
) -> Iterator[tuple[str, CompiledUnblock]]:
    for unblock in document.unblocks:
        validity = Validity(unblock, document.issued)
        opened = site_bundles.expand_site(unblock.site, unblock.also)
        granted = msgspec.structs.replace(unblock, site=opened[0])
        for name in opened:
            yield name, CompiledUnblock(granted, name, validity.since, validity.until)


def lesson_names(lesson: Lesson, site_bundles: SiteBundles) -> frozenset[str]:
    """Return the sites of a lesson, and what they need."""
    return frozenset(name for site in lesson.sites for name in site_bundles.expand_site(site, lesson.also))


def _canonical_names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical, texts))
