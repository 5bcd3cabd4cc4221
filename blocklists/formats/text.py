"""The hygiene that all formats share: names, addresses, comments, and what no list may close."""

import ipaddress
import re

from blocklists.errors import NotUnderstood
from dns.errors import InvalidName
from dns.message.names import canonical

NAME_SHAPE = r"[^\s/|^$*@#:;=\"'<>(){}\[\],!]+"  # of something that could be a name, for `LineShape`

# What every hosts file carries for the machine itself. Passed over without a word: it is no mistake.
HOSTS_FILE_NAMES = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "local",
        "localdomain",
        "broadcasthost",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
        "0.0.0.0",  # noqa: S104 (a line of a hosts file, not a socket)
        "::",
        "::1",
        "127.0.0.1",
        "255.255.255.255",
    }
)

# Names so wide that a list which closes one is broken (or was read wrongly): never closed by a list.
TOO_WIDE = frozenset(
    [
        "com",
        "net",
        "org",
        "edu",
        "gov",
        "mil",
        "int",
        "arpa",
        "info",
        "uk",
        "eu",
        "ie",
        "co.uk",
        "org.uk",
        "ac.uk",
        "gov.uk",
        "sch.uk",
        "nhs.uk",
        "me.uk",
        "ltd.uk",
        "plc.uk",
        "net.uk",
        "police.uk",
        "mod.uk",
        "de",
        "fr",
        "nl",
        "be",
        "es",
        "it",
        "pt",
        "pl",
        "se",
        "no",
        "dk",
        "fi",
        "at",
        "ch",
        "lu",
        "us",
        "ca",
        "au",
        "nz",
        "com.au",
        "edu.au",
        "gov.au",
        "co.nz",
        "in",
        "co.in",
        "ac.in",
        "gov.in",
        "jp",
        "co.jp",
    ]
)

_MAX_WRITTEN = 1000  # of a name in any script; longer ones are not even tried
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


def parse_name(text: str) -> str:
    """Return the canonical name that a list wrote, or raise NotUnderstood with the reason."""
    if len(text) > _MAX_WRITTEN:
        raise NotUnderstood("not a domain name")
    try:
        name = canonical(text)
    except InvalidName:
        raise NotUnderstood(_why_no_name(text)) from None
    if name[-1].isdigit() and _DIGITS_AND_DOTS.fullmatch(name):
        raise NotUnderstood("an address, not a name: nobody asks DNS for it")
    if name in TOO_WIDE:
        raise NotUnderstood(f"would close all of .{name}: too wide for a list")
    return name


def parse_site(text: str) -> str:
    """Return the canonical name of a bare line; a single word is more likely a stray word than a whole domain."""
    name = parse_name(text)
    if "." not in name:
        raise NotUnderstood("a single word: no name of a site")
    return name


def is_comment(text: str) -> bool:
    """Tell whether a stripped line is empty or a comment in most syntaxes."""
    return not text or text[0] in "!#;["


def strip_comment(text: str, mark: str = "#") -> str:
    """Cut an inline comment: a mark at the beginning or after a blank."""
    at = text.find(mark)
    while at > 0 and not text[at - 1].isspace():
        at = text.find(mark, at + 1)
    return text if at < 0 else text[:at].rstrip()


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is, or None."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _why_no_name(text: str) -> str:
    bare = text.strip()
    if "://" in bare or "/" in bare:
        return "about a path or a URL: DNS sees only names"
    if parse_ip(bare.strip("[]")):
        return "an address, not a name: nobody asks DNS for it"
    if not bare.isprintable():
        return "not text"
    if " " in bare or "\t" in bare:
        return "more than one word, and no syntax of this format"
    return "not a domain name"
