"""What a trust has laid down, as part of a school's policy, and as what the school's own decisions stop at."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.errors import NotPossible
from appliance.central.models import SchoolRow
from appliance.central.trust_membership import read_kept_document
from appliance.trust_protocol import TrustDocument
from blocklists.categories import category_name
from dns.policy.context import name_and_parents
from dns.policy.document import Rule


def list_locked_categories(session: Session) -> list[str]:
    """Return the categories that nobody at the school can open: the school's own locks, and the trust's."""
    own = session.scalars(select(SchoolRow)).one().locked_categories
    return [*own, *(one for one in list_trust_categories(session) if one not in own)]


def list_trust_categories(session: Session) -> tuple[str, ...]:
    """Return the categories that the trust has locked."""
    document = read_kept_document(session)
    return document.locked_categories if document is not None else ()


def require_openable(session: Session, names: Iterable[str]) -> None:
    """Raise NotPossible where the trust has locked one of some canonical names, or one above it."""
    document = read_kept_document(session)
    if document is not None and (locked := find_locked_name(document, names)) is not None:
        raise NotPossible(_closed_words(locked, document))


def find_locked_name(document: TrustDocument, names: Iterable[str]) -> str | None:
    """Return the first of some canonical names that is locked, or lies below a locked one; None: none is."""
    locked = {rule.name: rule for rule in document.rules if rule.locked}
    for name in names:
        for above in name_and_parents(name):
            rule = locked.get(above)
            if rule is not None and (rule.subdomains or above == name):
                return name
    return None


def require_category_openable(session: Session, category: str) -> None:
    """Raise NotPossible where the trust has locked a category."""
    document = read_kept_document(session)
    if document is not None and category in document.locked_categories:
        raise NotPossible(_closed_words(category_name(category), document))


def require_closable(session: Session, name: str) -> None:
    """Raise NotPossible where the trust keeps a canonical name open."""
    document = read_kept_document(session)
    if document is not None and is_kept_open(document, name):
        raise NotPossible(
            f"{name} is kept open by the trust ({document.trust_name}): no rule of the school closes it"
        )


def require_lockable(session: Session, name: str) -> None:
    """Raise NotPossible where the trust keeps a name open below a canonical one: a lock there would close it."""
    document = read_kept_document(session)
    if document is None:
        return
    for kept in document.kept_open:
        if name in name_and_parents(kept):
            raise NotPossible(
                f"{kept} is kept open by the trust ({document.trust_name}): a lock on {name} would close it too"
            )


def _closed_words(what: str, document: TrustDocument) -> str:
    return f"{what} is closed by the trust ({document.trust_name}): nobody at the school can open it"


def is_kept_open(document: TrustDocument, name: str) -> bool:
    """Tell whether the trust keeps a name open, or one above it."""
    return not {*document.kept_open}.isdisjoint(name_and_parents(name))


def rules_with_trust(own: tuple[Rule, ...], document: TrustDocument | None) -> tuple[Rule, ...]:
    """Return a school's rules with those of its trust, without those that close what the trust keeps open."""
    if document is None:
        return own
    kept = [rule for rule in own if rule.action == "allow" or not is_kept_open(document, rule.name)]
    of_trust = [
        Rule(
            name=rule.name, action=rule.action, locked=rule.locked, subdomains=rule.subdomains,
            category=rule.category, note=rule.note, by_trust=True,
        )
        for rule in document.rules
    ]  # fmt: skip
    opened = [Rule(name=name, action="allow", by_trust=True) for name in document.kept_open]
    return (*kept, *of_trust, *opened)
