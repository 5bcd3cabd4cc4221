"""The way that an answer's aliases take from the asked name, with those that its DNAME records stand for.

A DNAME record redirects everything under its owner (RFC 6672, section 2.2): where it comes alone, the alias that
a device understands is made of it here (section 3.2), and one that says something else is none. What stands at a
redirected name itself cannot be (section 2.3). Where the new name would be longer than a name can be, there is
none (YXDOMAIN).

Every alias is followed once, so it takes as long as there are aliases, however they lead. A redirection stands
for one alias of an answer: what is redirected by it again is asked for like any other alias's target.
"""

from collections.abc import Sequence

import msgspec

from dns.errors import MalformedMessage
from dns.message.constants import RecordType
from dns.message.names import is_under
from dns.message.scanner import RecordTuple
from dns.message.wire_names import name_from_wire, name_to_wire

MAX_ALIASES = 32  # in one answer; ways of the world have ten at most, and the policy decides each

_CNAME, _DNAME = int(RecordType.CNAME), int(RecordType.DNAME)


class MissingAlias(msgspec.Struct, frozen=True):
    """An alias that a redirection stands for."""

    redirection: int  # the number of its record in the answer
    owner: str
    target: str


class AliasPath(msgspec.Struct):
    """Where the records of an answer may stand that belong to its question."""

    names: set[str]  # on the way
    redirecting: set[str]  # the owners of DNAME records on the way
    redirected: set[str]  # names on the way that have nothing but an alias
    wrong: set[int]  # the numbers of alias records that are none
    missing: list[MissingAlias]
    is_too_long: bool = False  # a redirection leads to a name that cannot be


def find_alias_path(message: bytes, name: str, answer: Sequence[RecordTuple], owners: Sequence[str]) -> AliasPath:
    """Follow an answer's aliases from `name`; `owners`: those of its records. Raises MalformedMessage."""
    aliases: dict[str, dict[int, str]] = {}  # by owner: the target of each
    redirections: dict[str, tuple[int, str]] = {}
    for at, (owner, record) in enumerate(zip(owners, answer, strict=True)):
        if record[0] == _CNAME:
            aliases.setdefault(owner, {})[at] = name_from_wire(message, record[4])
        elif record[0] == _DNAME:
            target = name_from_wire(message, record[4])
            if redirections.setdefault(owner, (at, target))[1] != target:
                raise MalformedMessage("two redirections of one tree")  # RFC 6672, section 2.4
    if sum(map(len, aliases.values())) + len(redirections) > MAX_ALIASES:
        raise MalformedMessage("more aliases than any way has")
    path = AliasPath({name}, set(), set(), set(), [])
    left = [name]
    while left and len(path.names) <= len(answer) + len(redirections) + 1:
        current = left.pop()
        found = aliases.get(current, {})
        redirection = min((owner for owner in redirections if _is_below(current, owner)), key=len, default=None)
        if redirection is None:
            targets = list(found.values())
        else:
            targets = _redirect(path, current, redirection, redirections[redirection], found)
        new = [one for one in targets if one not in path.names]
        path.names.update(new)
        left += new
    return path


def _redirect(
    path: AliasPath, current: str, owner: str, redirection: tuple[int, str], found: dict[int, str]
) -> list[str]:
    """Return where a name is redirected to, and note what its alias records lack."""
    at, tree = redirection
    target = _redirected_name(current, owner, tree)
    path.redirected.add(current)
    path.wrong.update(number for number, said in found.items() if said != target)
    is_used = owner in path.redirecting
    path.redirecting.add(owner)
    if target is None:
        path.is_too_long = True
        return []
    if target not in found.values():
        if is_used:
            return []
        path.missing.append(MissingAlias(at, current, target))
    return [target]


def _is_below(name: str, owner: str) -> bool:
    return name != owner and is_under(name, owner)


def _redirected_name(name: str, owner: str, tree: str) -> str | None:
    """Return a name under `owner` as it is called under `tree`; None where that would be too long."""
    prefix = name[: len(name) - len(owner)].removesuffix(".")
    target = f"{prefix}.{tree}" if tree else prefix
    try:
        name_to_wire(target)
    except MalformedMessage:
        return None
    return target
