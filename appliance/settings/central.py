"""The settings of the central service: one TOML file, by default ``central.toml``."""

import zoneinfo
from pathlib import Path

import msgspec

from appliance.settings.room import CentralLink
from appliance.settings.values import CertificateFiles, Endpoint, Network


class CentralSection(msgspec.Struct, frozen=True, kw_only=True):
    """[central]: the school, where it is served, and where it keeps its things."""

    school: str
    data: Path
    listen: Endpoint = Endpoint("127.0.0.1", 8081)
    timezone: str = "Europe/London"
    database: str = ""  # an SQLAlchemy URL; left out: SQLite in the data folder
    url: str = ""  # where rooms reach it, for their enrolment bundles
    trusted_proxies: tuple[Network, ...] = ()  # who is believed about whom it speaks for

    def __post_init__(self) -> None:
        if self.url:
            CentralLink.check_url(self.url)
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone: {self.timezone!r} is no time zone, such as Europe/London") from None


class TlsSection(CertificateFiles, frozen=True, kw_only=True):
    """[tls]: the certificate that rooms and browsers see. Left out: only this machine may be served."""

    authority: Path | None = None  # what rooms trust; left out: a certificate that vouches for itself, else none


class CentralSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole central service."""

    central: CentralSection
    tls: TlsSection | None = None

    def __post_init__(self) -> None:
        if (
            self.tls is None
            and not self.central.listen.host.startswith("127.")
            and self.central.listen.host != "::1"
        ):
            raise ValueError("tls: is missing; without a certificate only a loopback address may be served")
