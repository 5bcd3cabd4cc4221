"""The hygiene that all formats share: names, addresses, URLs, comments.

How much a name closes is not asked here: `blocklists.width` does, of closings, whatever format they came from.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from blocklists.errors import NotForNames, NotUnderstood
from dns.errors import InvalidName
from dns.message.names import canonical

PLAIN_NAME = re.compile(r"(?!.{254})(?:[a-z0-9_-]{1,63}\.)+[a-z_][a-z0-9_-]{0,62}")  # its own canonical form
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

_MAX_WRITTEN = 1000  # of a name in any script; longer ones are not even tried
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_WITH_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[0-9.]+)(?::\d{1,5})?", re.IGNORECASE)
_ADDRESS = "an address, not a name: nobody asks DNS for it"
_PATH = "about a path or a URL: DNS sees only names"


def parse_name(text: str) -> str:
    """Return the canonical name that a list wrote. Raises NotUnderstood with the reason."""
    if len(text) > _MAX_WRITTEN:
        raise NotUnderstood("not a domain name")
    try:
        name = canonical(text)
    except InvalidName:
        raise _why_no_name(text) from None
    if name[-1].isdigit() and _DIGITS_AND_DOTS.fullmatch(name):
        raise NotForNames(_ADDRESS)
    return name


def parse_site(text: str) -> str:
    """Return the canonical name of a bare line: a name, or a URL without a path. Raises NotUnderstood."""
    return parse_url(text) if "://" in text else parse_name(text)


def parse_url(text: str) -> str:
    """Return the host of a URL without a path. Raises NotForNames for one with a path: DNS sees only names."""
    try:
        url = urlsplit(text.strip())
        host = url.hostname or ""
        _ = url.port
    except ValueError:
        raise NotUnderstood("not a URL") from None
    if not host or not _SCHEME.fullmatch(url.scheme):
        raise NotUnderstood("not a URL")
    if url.path not in ("", "/") or url.query or url.fragment:
        raise NotForNames(_PATH)
    if parse_ip(host):
        raise NotForNames(_ADDRESS)
    return parse_name(host)


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


def is_address(text: str) -> bool:
    """Tell whether a text is an address: alone, with a port, in brackets, or a range of them."""
    if not text or (not text[0].isdigit() and text[0] not in "[:" and ":" not in text):
        return False
    if (port := _WITH_PORT.fullmatch(text)) and parse_ip(port[1].strip("[]")):
        return True
    try:
        ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return False
    return True


def _why_no_name(text: str) -> NotUnderstood:
    bare = text.strip()
    if is_address(bare):
        return NotForNames(_ADDRESS)
    if not bare.isprintable():
        return NotUnderstood("not text")
    if " " in bare or "\t" in bare:
        return NotUnderstood("more than one word, and no syntax of this format")
    if "/" in bare:
        return NotForNames(_PATH)
    return NotUnderstood("not a domain name")
