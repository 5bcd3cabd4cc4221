"""The settings of a room: one TOML file, by default ``room.toml``.

Sections that a room alone needs and sections that an enrolled room needs exclude each other where both would
decide the same thing: `[policy]` and `[lists]` are the room's own decisions, `[central]` is where they come from.
What a card's file may say too is in `appliance.settings.common`.
"""

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import field

from appliance.settings.common import (
    ButtonSection,
    CommonListsSection,
    CommonLogSection,
    CommonPolicySection,
    CommonWebSection,
    LedSection,
)
from appliance.settings.dns import DnsSection
from appliance.settings.metrics import MetricsSection
from appliance.settings.values import CertificateFiles, Endpoint, Network, is_host_name

HTTP_PORT, HTTPS_PORT = 80, 443

# A Unix socket's path holds at most 107 bytes; the longest name of ours is "resolver-99.control".
_SOCKET_FOLDER_BYTES = 107 - len("/resolver-99.control")


class RoomSection(msgspec.Struct, frozen=True, kw_only=True):
    """[room]: which room this is, and where it keeps its things."""

    name: str
    data: Path
    run: Path | None = None  # where the processes' sockets stand; default: data/run

    def __post_init__(self) -> None:
        if len(str(self.sockets).encode()) > _SOCKET_FOLDER_BYTES:
            raise ValueError(
                f"run: {self.sockets} is too long for sockets; set one of at most {_SOCKET_FOLDER_BYTES} bytes"
            )

    @property
    def sockets(self) -> Path:
        """The folder of the processes' sockets."""
        return self.run or self.data / "run"


class WebTlsSection(CertificateFiles, frozen=True, kw_only=True):
    """[web.tls]: HTTPS for every page that asks for a password, or is for who has given one."""

    listen: Endpoint = Endpoint("0.0.0.0", 443)  # noqa: S104 (a server for the room)
    name: str = ""  # the certificate's, to which plain HTTP leads; left out: whatever was asked for
    publicly_trusted: bool = False  # every browser knows its authority: they are told to insist on HTTPS

    def __post_init__(self) -> None:
        if self.name and not is_host_name(self.name):
            raise ValueError(f"name: {self.name!r} is no name that a browser could ask for")


class WebSection(CommonWebSection, frozen=True, kw_only=True):
    """[web]: the teacher's pages."""

    listen: Endpoint = Endpoint("0.0.0.0", 80)  # noqa: S104 (a server for the room)
    # Without a visitor or a question to DNS for so long the pages stand by (`appliance.web_standby`); 0: never;
    # left out: as there is memory (`appliance.room.capacity`).
    standby_minutes: Annotated[float, msgspec.Meta(ge=0)] | None = None
    trusted_proxies: tuple[Network, ...] = ()  # who is believed about whom it speaks for
    tls: WebTlsSection | None = None
    https_listen: Endpoint | None = None  # for central's certificate; left out: port 443 beside port 80
    # Whether passwords may be typed without HTTPS; left out: only where teachers cannot sign in at central.
    clear_passwords: bool | None = None


class LogSection(CommonLogSection, frozen=True, kw_only=True):
    """[log]: the query log."""

    key_file: Path | None = None  # 64 hexadecimal digits: the log is encrypted (SQLCipher)
    key_from_central: bool = False  # the same, with a key that central holds; only with [central]

    def __post_init__(self) -> None:
        if self.key_file is not None and self.key_from_central:
            raise ValueError("key_file: the key comes from central; leave one of the two out")


class ListsSection(CommonListsSection, frozen=True, kw_only=True):
    """[lists]: from where the lists come."""

    index: Path | None = None  # of a room alone; left out: the starter list that Hallpass brings


class PolicySection(CommonPolicySection, frozen=True, kw_only=True):
    """[policy]: what a room alone keeps closed."""

    document: Path | None = None  # a whole policy by hand (docs/policy.md), instead of the rest of the section

    def __post_init__(self) -> None:
        if self.document is not None and (self.closed or self.safe_search):
            raise ValueError("document: says what is closed; leave closed and safe_search out beside it")


class CentralLink(msgspec.Struct, frozen=True, kw_only=True):
    """[central]: where this room's decisions come from."""

    url: str
    token_file: Path
    certificate: Path | None = None  # the authority to trust; left out: the machine's own
    authority: Path | None = None  # central's own for its rooms, from the enrolment file
    # Over so long the rooms of a school spread their fetching when central names changed lists.
    index_spread_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0

    def __post_init__(self) -> None:
        self.check_url(self.url)

    @staticmethod
    def check_url(url: str) -> None:
        """Raise ValueError where central may not be reached by an address: a token never travels in the clear."""
        parts = urlsplit(url)
        try:
            _ = parts.port  # raises where it is none
        except ValueError as problem:
            raise ValueError(f"url: {problem}") from None
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
            return
        raise ValueError("url: must be https:// (http:// only for this machine itself)")


class RoomSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A whole room."""

    room: RoomSection
    dns: DnsSection
    web: WebSection = field(default_factory=WebSection)
    led: LedSection = field(default_factory=LedSection)
    button: ButtonSection = field(default_factory=ButtonSection)
    log: LogSection = field(default_factory=LogSection)
    lists: ListsSection = field(default_factory=ListsSection)
    policy: PolicySection | None = None
    central: CentralLink | None = None
    metrics: MetricsSection | None = None

    @property
    def https_listen(self) -> Endpoint | None:
        """Where the pages are served with a certificate of central's, as soon as there is one; None: nowhere."""
        web = self.web
        if web.tls is not None or self.central is None:
            return None
        if web.https_listen is not None:
            return web.https_listen
        is_taken = self.dns.tls is not None and any(one.port == HTTPS_PORT for one in self.dns.tls.https)
        return None if web.listen.port != HTTP_PORT or is_taken else Endpoint(web.listen.host, HTTPS_PORT)

    def __post_init__(self) -> None:
        if self.policy is not None and self.central is not None:
            raise ValueError("policy: a room with [central] takes its policy from there; leave one of the two out")
        if self.log.key_from_central and self.central is None:
            raise ValueError("log.key_from_central: there is no [central]")
        _ensure_one_server_a_port(self)


def _ensure_one_server_a_port(room: RoomSettings) -> None:
    """Raise ValueError where the pages would be served over TLS on a port that something else has."""
    web = room.web
    if web.tls is not None and web.https_listen is not None:
        raise ValueError("web.https_listen: is for central's certificate; [web.tls] has its own listen")
    encrypted = web.https_listen if web.tls is None else web.tls.listen
    if encrypted is None:
        return
    name, port = "web.https_listen" if web.tls is None else "web.tls.listen", encrypted.port
    if port == web.listen.port:
        raise ValueError(f"{name}: port {port} is that of the pages without TLS; give one of them another")
    if room.dns.tls is not None and any(port == endpoint.port for endpoint in room.dns.tls.https):
        raise ValueError(f"{name}: port {port} is that of [dns.tls] https; give one of them another")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
