"""The settings of the central service: one TOML file, by default ``central.toml``."""

import zoneinfo
from pathlib import Path
from typing import Annotated

import msgspec

from appliance.settings.acme import AcmeSection
from appliance.settings.languages import PageLanguage
from appliance.settings.mail import MailSection
from appliance.settings.metrics import CentralMetricsSection
from appliance.settings.openid import OpenIdSection
from appliance.settings.room import CentralLink
from appliance.settings.values import CertificateFiles, Endpoint, Network

_LAST_PORT = 65535


class PagesTlsSection(CertificateFiles, frozen=True, kw_only=True):
    """[central.tls]: the certificate of the pages, which browsers trust. Left out: that of [tls]."""

    publicly_trusted: bool = False  # every browser knows its authority: they are told to insist on HTTPS
    plain_listen: Endpoint | None = None  # where plain HTTP leads to `url`, and does nothing else


class CentralSection(msgspec.Struct, frozen=True, kw_only=True):
    """[central]: the school, where it is served, and where it keeps its things."""

    school: str  # as of `timezone`: what a new central begins with (`appliance.central.school_identity`)
    data: Path
    listen: Endpoint = Endpoint("127.0.0.1", 8081)
    timezone: str = "Europe/London"
    database: str = ""  # an SQLAlchemy URL; left out: SQLite in the data folder
    url: str = ""  # where rooms reach it, for their enrolment bundles
    rooms_listen: Endpoint | None = None  # where rooms are served; left out: the port after the pages'
    rooms_url: str = ""  # where rooms reach that; left out: `url`, for the pages' port serves rooms as well
    shared: Path | None = None  # what several centrals on one database share; left out: the data folder
    key_file: Path | None = None  # wraps the keys of the rooms' logs; left out: wrapping.key where `shared` is
    rooms_need_certificates: bool = False  # whether a token alone opens nothing but the way to a certificate
    uplink_mbit: Annotated[float, msgspec.Meta(gt=0, le=100_000)] | None = None  # for indexes; left out: no limit
    incident_days: Annotated[int, msgspec.Meta(ge=30, le=36_500)] = 1095  # for which a closed incident is kept
    lookup_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7  # for which a room's answer about a device is kept
    index_downloads: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 16  # at once
    room_messages_per_day: Annotated[int, msgspec.Meta(ge=1000, le=1_000_000_000)] = 20_000  # of one room
    script_calls_per_minute: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 300  # of one key
    trusted_proxies: tuple[Network, ...] = ()  # who is believed about whom it speaks for
    tls: PagesTlsSection | None = None
    acme: AcmeSection | None = None
    # Whether teachers sign in here for rooms without HTTPS; left out: where the pages have [central.tls].
    room_sign_in: bool | None = None
    language: PageLanguage = ""  # of the pages, for whoever has chosen none

    def __post_init__(self) -> None:
        for url in (self.url, self.rooms_url):
            if url:
                CentralLink.check_url(url)
        if self.rooms_listen is None and self.listen.port == _LAST_PORT:
            raise ValueError("rooms_listen: is missing; there is no port after the pages'")
        if self.tls is not None and self.tls.plain_listen is not None:
            self._check_plain_port(self.tls.plain_listen.port)
        if self.offers_room_sign_in and not self.url:
            raise ValueError("url: is missing; without it nobody finds these pages from a room")
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone: {self.timezone!r} is no time zone, such as Europe/London") from None

    @property
    def offers_room_sign_in(self) -> bool:
        """Whether teachers sign in here for rooms without HTTPS."""
        return self.tls is not None if self.room_sign_in is None else self.room_sign_in

    def _check_plain_port(self, port: int) -> None:
        if not self.url.startswith("https://"):
            raise ValueError("tls.plain_listen: leads to url, which must be https://")
        if port and port in (self.listen.port, self.rooms_endpoint.port):
            raise ValueError(f"tls.plain_listen: port {port} is taken by listen or rooms_listen")

    @property
    def rooms_endpoint(self) -> Endpoint:
        """Return where rooms are served by themselves."""
        return self.rooms_listen or Endpoint(self.listen.host, self.listen.port + 1)

    @property
    def has_any_address(self) -> bool:
        """Whether pages are served at every address of this machine, none of which is the one."""
        return self.listen.host in {"0.0.0.0", "::"}  # noqa: S104 (compared, not served)

    @property
    def shared_folder(self) -> Path:
        """Return the folder of what every process of central must find: key, lists, indexes, epoch."""
        return self.shared or self.data

    @property
    def handed_in_folder(self) -> Path:
        """Return the folder of the files of lists that were handed in."""
        return self.shared_folder / "lists"


class TlsSection(CertificateFiles, frozen=True, kw_only=True):
    """[tls]: the certificate that rooms and browsers see. Left out: only this machine may be served."""

    authority: Path | None = None  # what rooms trust; left out: a certificate that vouches for itself, else none


class CentralSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole central service."""

    central: CentralSection
    tls: TlsSection | None = None
    mail: MailSection | None = None
    openid: OpenIdSection | None = None
    metrics: CentralMetricsSection | None = None

    @property
    def pages_url(self) -> str:
        """Return where browsers reach the pages; where none is set, this machine's own."""
        listen = self.central.listen
        local = Endpoint("127.0.0.1", listen.port) if self.central.has_any_address else listen
        return (self.central.url or f"{'https' if self.page_certificates else 'http'}://{local}").rstrip("/")

    def __post_init__(self) -> None:
        if self.openid is not None and not self.central.url:
            raise ValueError("central.url: is missing; the provider sends people back to it")
        hosts = {self.central.rooms_endpoint.host}
        if self.central.tls is None:
            hosts.add(self.central.listen.host)
        if self.tls is None and not all(host.startswith("127.") or host == "::1" for host in hosts):
            raise ValueError("tls: is missing; without a certificate only a loopback address may be served")

    @property
    def page_certificates(self) -> tuple[CertificateFiles, ...]:
        """Return the certificates that the pages may show, the one of their own first; none: plain HTTP."""
        return tuple(one for one in (self.central.tls, self.tls) if one is not None)
