"""The names that somebody wrote, checked for what they are to do; what is no site is said in words."""

from collections.abc import Callable, Iterable
from typing import Literal

from appliance.central.errors import NotPossible
from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_openings, check_rule, parse_site


def checked_site(written: str) -> str:
    """Return the name of a site that is to be opened. Raises NotPossible for what is not a site."""
    return _checked_name(check_opening, written)


def checked_sites(written: Iterable[str]) -> tuple[str, ...]:
    """Return the names of sites that are to be opened, all looked up at once. Raises NotPossible."""
    try:
        return check_openings(written)
    except InvalidName as problem:
        raise NotPossible(str(problem)) from None


def checked_rule_name(written: str, action: Literal["allow", "block"]) -> str:
    """Return the name that a rule is for. Raises NotPossible for what no rule can be for."""
    return _checked_name(lambda name: check_rule(name, action), written)


def checked_exact_name(written: str, _action: Literal["allow", "block"]) -> str:
    """Return a name that a rule is for without those below it: it reaches no further. Raises NotPossible."""
    return _checked_name(parse_site, written)


def _checked_name(check: Callable[[str], str], written: str) -> str:
    try:
        return check(written)
    except InvalidName as problem:
        raise NotPossible(str(problem)) from None
