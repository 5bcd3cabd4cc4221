"""The values that settings are made of: addresses, networks, upstream servers."""

import ipaddress
import re
import socket
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import msgspec

from dns.forward.capabilities import Switch

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")

# What mail servers take without extensions, and nothing with which a header or a command could end.
_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
MAX_HOST_NAME_LENGTH = 253
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
MAX_MAIL_ADDRESS_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less its brackets
_INTERFACE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")  # as Linux names them, less what nobody uses


def is_mail_address(text: str) -> bool:
    """Tell whether a text is one address of mail, in ASCII (RFC 5321), and nothing more."""
    return len(text) <= MAX_MAIL_ADDRESS_LENGTH and _MAIL_ADDRESS.fullmatch(text) is not None


def is_host_name(text: str) -> bool:
    """Tell whether a text is the name of a host, in ASCII (RFC 1123, section 2.1), or an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= MAX_HOST_NAME_LENGTH and _HOST_NAME.fullmatch(text) is not None
    return True


def is_this_machine(host: str) -> bool:
    """Tell whether a name or an address leads whoever asks to itself, however it is written (RFC 6761, 6.3)."""
    name = host.strip("[]").removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # 127.1, as the resolver reads it, too
        except OSError:
            return False
    own = getattr(address, "ipv4_mapped", None) or address
    return own.is_loopback or own.is_unspecified


class Endpoint(msgspec.Struct, frozen=True):
    """Where a server listens: an address of this machine, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.1:53`` or ``[2001:db8::1]:53``. Raises ValueError."""
        match = _HOST_PORT.fullmatch(text)
        if not match or not 0 <= int(match["port"]) <= 65535:
            raise ValueError(f"{text!r} is not host:port (IPv6 in brackets)")
        host = match["v6"] or match["host"]
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is not an IP address") from None
        if (address.version == 6) != bool(match["v6"]):
            raise ValueError(f"{text!r}: an IPv6 address stands in brackets, an IPv4 address does not")
        return cls(_checked_scope(str(address), int(match["port"])), int(match["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class CertificateFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its key, as files in PEM."""

    certificate: Path
    key: Path


class Network(msgspec.Struct, frozen=True):
    """A network in CIDR notation; a single address is a network of one."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.0/24``. Raises ValueError."""
        try:
            return cls(str(ipaddress.ip_network(text, strict=False)))
        except ValueError as problem:
            raise ValueError(str(problem)) from None

    def __str__(self) -> str:
        return self.text


class MirrorUrl(msgspec.Struct, frozen=True):
    """Where a web server hands out a folder of signed lists; what comes from there is believed if signed."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``https://mirror.example.org/hallpass/``. Raises ValueError."""
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(f"{text!r} is no address in ASCII")
        parts = urlsplit(text)
        _ = parts.port  # raises where it is none
        if parts.scheme not in {"http", "https"} or not is_host_name(parts.hostname or ""):
            raise ValueError(f"{text!r} is no address of a web server (https://... or http://...)")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(f"{text!r}: the address of a folder alone, without a password, ? or #")
        return cls(text.rstrip("/") + "/")

    def __str__(self) -> str:
        return self.text


class UpstreamSetting(msgspec.Struct, frozen=True):
    """A server to ask: plain DNS, DNS over TLS (RFC 7858) or DNS over HTTPS (RFC 8484)."""

    transport: Literal["plain", "tls", "https"]
    host: str
    port: int
    server_name: str = ""  # the name that the certificate must bear; for HTTPS the host
    path: str = ""
    mixed_case: Switch = "auto"
    edns: Switch = "auto"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.1``, ``192.0.2.1:5353``, ``tls://192.0.2.1#dns.example`` or an https:// URL.

        Raises ValueError.
        """
        if text.startswith("https://"):
            parts = urlsplit(text)
            if not parts.hostname:
                raise ValueError(f"{text!r} names no host")
            if _is_link_local(parts.hostname):
                raise ValueError(f"{text!r}: an address of one link is asked over TLS or plainly, not over HTTPS")
            name = parts.fragment or parts.hostname
            return cls("https", parts.hostname, parts.port or 443, name, parts.path or "/dns-query")
        if text.startswith("tls://"):
            where, _, name = text.removeprefix("tls://").partition("#")
            endpoint = _endpoint(where, 853)
            return cls("tls", endpoint.host, endpoint.port, name or endpoint.host.partition("%")[0])
        endpoint = _endpoint(text, 53)
        return cls("plain", endpoint.host, endpoint.port)


def _endpoint(text: str, port: int) -> Endpoint:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        # A bracket could pass for a part of an interface's name.
        address = ipaddress.ip_address(bare if "[" not in bare else "")
    except ValueError:
        endpoint = Endpoint.parse(text)
    else:
        endpoint = Endpoint(_checked_scope(str(address), port), port)
    return endpoint


def _checked_scope(address: str, port: int) -> str:
    """Return an address that names its interface where it must (RFC 4007, section 11), and only there.

    Raises ValueError.
    """
    host, _, interface = address.partition("%")
    if _is_link_local(host) and not interface:
        raise ValueError(f"{host} means something on one link only; name the interface: [{host}%eth0]:{port}")
    if interface and not _INTERFACE.fullmatch(interface):
        raise ValueError(f"{interface!r} is no name of an interface")
    if interface and not _is_link_local(host):
        raise ValueError(f"{address}: only an address of one link has an interface")
    return address


def _is_link_local(host: str) -> bool:
    """Tell whether a host is an IPv6 address of one link (RFC 4291, section 2.5.6)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.version == 6 and address.is_link_local
