"""What in a policy document reaches further than one site, and what becomes of it.

The checks on entry (`dns.policy.site_names`) let nothing of the action in. But a document may be older than they
are, or written by hand, and a room must not stop following its policy for one entry. So (ADR 0014):

* what would *open* everybody's sites (an unblock, an allow rule, a lesson's site, a bundle, an appliance name), or
  let all of them lead into the school (a private name), is left out. Of an unblock with extra names only what is
  too wide goes;
* what *closes* them stays in force as it was: taking it away would open sites that a person has closed;
* each is reported in words; the rest of the document is untouched.

A rule for the name alone, without its subdomains, reaches no further than that name, and stays as it is.
Names are looked up once: a new document has mostly the names of the one before.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dns.message.names import is_under
from dns.policy.document import Lesson, PolicyDocument, Rule, SiteBundle, Unblock
from dns.policy.lookups import canonical
from dns.policy.site_names import NameAction, too_wide

Reasons = Mapping[tuple[str, NameAction], str]  # of what is too wide, by canonical name and action

_CACHE_LIMIT = 32768
_known: dict[tuple[str, NameAction], str] = {}  # what was looked up before: "" where it is not too wide


def without_overreach(document: PolicyDocument) -> tuple[PolicyDocument, tuple[str, ...]]:
    """Return a document without what opens too much, and a sentence for each entry that is too wide.

    The names in the document must be names (`dns.policy.validation`).
    """
    reasons = _reasons(_actions_of(document))
    if not reasons:
        return document, ()
    said: list[str] = []
    narrowed = msgspec.structs.replace(
        document,
        rules=tuple(rule for rule in document.rules if _stays(rule, reasons, said)),
        unblocks=tuple(_unblocks(document.unblocks, reasons, said)),
        lessons=tuple(_lesson(lesson, reasons, said) for lesson in document.lessons),
        bundles=tuple(_bundles(document.bundles, reasons, said)),
        appliance_names=_kept("appliance_names", document.appliance_names, "block", reasons, said),
        private_names=_kept("private_names", document.private_names, "allow", reasons, said),
    )
    return narrowed, tuple(said)


def _actions_of(document: PolicyDocument) -> Iterator[tuple[str, NameAction]]:
    for rule in document.rules:
        if rule.subdomains:
            yield canonical(rule.name), rule.action
    for name in _opened(document):
        yield canonical(name), "open"
    for lesson in document.lessons:
        # One written by hand may name the school's "intranet": a lesson opens nothing that is closed (ADR 0009).
        for name in (*lesson.sites, *lesson.also):
            yield canonical(name), "allow"
    for name in document.appliance_names:
        # Central may stand at a company's name, or at one without a dot: only registries' names are too wide.
        yield canonical(name), "block"
    for name in document.private_names:
        # The school's own, "intranet" too; under a public suffix anybody's name could lead into the school. A room
        # counts the zones of its own servers as such, the reverse ones too, whose answers are no addresses.
        if not is_under(canonical(name), "arpa"):
            yield canonical(name), "allow"


def _opened(document: PolicyDocument) -> Iterator[str]:
    for unblock in document.unblocks:
        yield from (unblock.site, *unblock.also)
    for bundle in document.bundles:
        yield from (bundle.site, *bundle.names)


def _reasons(actions: Iterable[tuple[str, NameAction]]) -> Reasons:
    wanted = frozenset(actions)
    if new := wanted - _known.keys():
        if len(_known) > _CACHE_LIMIT:
            _known.clear()
            new = wanted
        found = too_wide(new)
        _known.update((one, found.get(one, "")) for one in new)
    return {one: reason for one in wanted if (reason := _known[one])}


def _stays(rule: Rule, reasons: Reasons, said: list[str]) -> bool:
    reason = reasons.get((canonical(rule.name), rule.action)) if rule.subdomains else None
    if reason is None:
        return True
    if rule.action == "block":
        said.append(f"the rule that closes {rule.name} stays in force: {reason}")
        return True
    said.append(f"the rule that opens {rule.name} is left out: {reason}")
    return False


def _unblocks(unblocks: Iterable[Unblock], reasons: Reasons, said: list[str]) -> Iterator[Unblock]:
    for unblock in unblocks:
        if _kept("unblocks", (unblock.site,), "open", reasons, said):
            yield msgspec.structs.replace(unblock, also=_kept("unblocks", unblock.also, "open", reasons, said))


def _lesson(lesson: Lesson, reasons: Reasons, said: list[str]) -> Lesson:
    """Return a lesson without what is too wide: it closes as much, or more."""
    return msgspec.structs.replace(
        lesson,
        sites=_kept("lessons", lesson.sites, "allow", reasons, said),
        also=_kept("lessons", lesson.also, "allow", reasons, said),
    )


def _bundles(bundles: Iterable[SiteBundle], reasons: Reasons, said: list[str]) -> Iterator[SiteBundle]:
    for bundle in bundles:
        if _kept("bundles", (bundle.site,), "open", reasons, said):
            yield msgspec.structs.replace(bundle, names=_kept("bundles", bundle.names, "open", reasons, said))


def _kept(
    where: str, names: tuple[str, ...], action: NameAction, reasons: Reasons, said: list[str]
) -> tuple[str, ...]:
    """Return the names that are not too wide, and say of each other one that it is left out."""
    kept = []
    for name in names:
        reason = reasons.get((canonical(name), action))
        if reason is None:
            kept.append(name)
        else:
            said.append(f"{where}: {name} is left out: {reason}")
    return tuple(kept)
