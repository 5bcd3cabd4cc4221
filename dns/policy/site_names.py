"""Which names a person may open or close: pages, API and command line all ask here, so that they say the same.

A site is a name that somebody registered, or one under it. What is none:

* a public suffix (`dns.public_suffix`): opening ``co.uk`` or ``github.io`` opens everybody's sites;
* an address in any spelling (``127.1``, ``0x7f.1``, ``[::1]``): policies are about names;
* the reverse zones, whose names stand for addresses.

There are three actions, and they differ at two places only:

=====================  ===============  ================  =====================================
action                 ``co.uk`` ICANN  ``github.io``     ``intranet``, ``corp``: no listed TLD
=====================  ===============  ================  =====================================
open for a time        no               no                no: nobody asks for half a name
rule: always open      no               no                yes: a name of the school's own network
rule: always closed    no               yes: a school's   yes
                                        choice to make
=====================  ===============  ================  =====================================

``home.arpa`` is for networks like the school's own (RFC 8375) and counts as such a name. The list has
``*.sch.uk``, since counties hand out names under theirs; but all that stands there is schools, and many a
school's own site is ``school.sch.uk``: names under it are sites.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from dns.errors import InvalidName, NotASite
from dns.message.names import canonical, is_under
from dns.public_suffix import Section, sections

NameAction = Literal["open", "allow", "block"]  # what is to become of a name: for a time; by a rule; by a rule

_REVERSE_ZONES = ("in-addr.arpa", "ip6.arpa")
_LOCAL = frozenset({"home.arpa"})
_SCHOOLS = "sch.uk"
_SHOWN_CHARACTERS = 60
# A name that ends in a number is an IPv4 address to every browser (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?=(//)?)", re.IGNORECASE)
# After these a browser reads a host, whatever slashes follow (WHATWG URL, "special scheme").
_WEB = frozenset({"http", "https", "ws", "wss", "ftp"})
# What these begin names no host, and is no port of one: `javascript:alert(1)` is not the name `javascript`.
_NO_HOST = frozenset(
    {"about", "blob", "data", "file", "javascript", "mailto", "sms", "tel", "urn", "vbscript", "view-source"}
)
_EXAMPLE = "give the whole name of the site, such as www.example.org"


def parse_site(written: str) -> str:
    """Return the canonical name in what somebody typed, or pasted as a web address.

    A star or a dot before the name (``*.example.org``) says what holds anyway, and is left out.
    Raises NotASite for what is no name, for an address and for a reverse zone; not for a public suffix.
    """
    name = parse_name(written)
    if any(is_under(name, zone) for zone in _REVERSE_ZONES):
        raise NotASite(f"{name} stands for the addresses of machines, not for a site: {_EXAMPLE}")
    return name


def parse_name(written: str) -> str:
    """Return the canonical name in what somebody typed or pasted, as `parse_site`, also one of a reverse zone."""
    host = _host(written)
    if ":" in host:  # an IPv6 address: no name holds one
        raise _address(written)
    try:
        name = canonical(host.removeprefix("*").removeprefix("."))
    except InvalidName:
        raise NotASite(f"“{_shown(written)}” is not the name of a site: {_EXAMPLE}") from None
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise _address(written)
    return name


def check_opening(written: str) -> str:
    """Return the name of a site that may be opened for a time. Raises NotASite with words for whoever asked."""
    return _checked(written, "open")


def check_openings(written: Iterable[str]) -> tuple[str, ...]:
    """Return the names of sites that may be opened, as `check_opening` does for one. Raises NotASite.

    The list of suffixes is looked through once for all of them, which takes longer than everything else here.
    """
    names = tuple(parse_site(one) for one in written)
    if reasons := too_wide((name, "open") for name in names):
        raise NotASite(next(iter(reasons.values())))
    return names


def check_rule(written: str, action: Literal["allow", "block"]) -> str:
    """Return the name of a site for which the school may make a rule. Raises NotASite with words for people."""
    return _checked(written, action)


@lru_cache(maxsize=4096)
def reason_why_not(name: str, action: NameAction) -> str:
    """Say in words why a canonical name may not be opened or closed because it is too wide; "" where it may."""
    return too_wide(((name, action),)).get((name, action), "")


def too_wide(actions: Iterable[tuple[str, NameAction]]) -> Mapping[tuple[str, NameAction], str]:
    """Return those actions on canonical names that reach further than one site, each with the reason.

    For many at once: the list of suffixes is looked through once.
    """
    wanted = tuple(actions)
    found = sections(name for name, _ in wanted)
    return {
        (name, action): reason
        for name, action in wanted
        if name in found and (reason := _reason(name, action, found[name]))
    }


def _checked(written: str, action: NameAction) -> str:
    name = parse_site(written)
    if reason := reason_why_not(name, action):
        raise NotASite(reason)
    return name


def _reason(name: str, action: NameAction, section: Section) -> str:
    """Say why a public suffix may not be opened or closed; "" where it may."""
    if name in _LOCAL:
        section = Section.UNLISTED
    if is_under(name, _SCHOOLS) and name != _SCHOOLS:
        return ""
    match section:
        case Section.ICANN:
            verb = "close" if action == "block" else "open"
            return f"{name} is not one site: to {verb} it would {verb} every site that ends in .{name}; {_EXAMPLE}"
        case Section.PRIVATE if action != "block":
            return (
                f"under {name} anybody can put up pages, and to open it would open them all: "
                f"give the whole name of the one that is meant, such as name.{name}"
            )
        case Section.UNLISTED if action == "open":
            return f"{name} is not a whole name: {_EXAMPLE}"
    return ""


def _host(written: str) -> str:
    text = written.strip()
    if not text:
        raise NotASite(f"no site was named: {_EXAMPLE}")
    try:
        parts = urlsplit(f"//{_without_scheme(text)}")
        host = parts.hostname or ""
        # More colons than a port needs: an IPv6 address, in brackets or (wrongly) without.
        is_address = parts.netloc.count(":") > 1 and "@" not in parts.netloc
        if not is_address:
            _ = parts.port
    except ValueError:
        raise NotASite(f"“{_shown(written)}” is not the address of a site: {_EXAMPLE}") from None
    return parts.netloc if is_address else host


def _without_scheme(text: str) -> str:
    """Return what begins with the host. Raises ValueError for an address that has none."""
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if found is None or not (scheme in _WEB or scheme in _NO_HOST or found[2]):
        return text.removeprefix("//")  # what stands before a colon here is the host, or somebody's name
    if scheme not in _WEB:
        raise ValueError(scheme)
    return text[found.end() :].replace("\\", "/").lstrip("/")  # as browsers read it


def _address(written: str) -> NotASite:
    return NotASite(f"{_shown(written)} is the address of a machine, not the name of a site: {_EXAMPLE}")


def _shown(written: str) -> str:
    text = " ".join("".join(one if one.isprintable() else " " for one in written).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
