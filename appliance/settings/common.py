"""The settings that a room's file (``room.toml``) and a card's (``hallpass.toml``) have in common, each once.

What only one of the two may say is in `appliance.settings.room` or `appliance.card.settings`. What is written in a
card's file becomes the room's as it is (`appliance.card.system_files`): a field added here can be written in both.
"""

from typing import Annotated, Literal

import msgspec

from appliance.settings.dns import DnsCacheSection, DnsForwardSection, DnsUpstreamSection, DomainName
from appliance.settings.languages import PageLanguage
from appliance.settings.values import MirrorUrl, Network
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord

PRIVATE_NETWORKS = tuple(
    Network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
PinNumber = Annotated[int, msgspec.Meta(ge=0, le=53)]  # BCM


class CommonDnsSection(msgspec.Struct, frozen=True, kw_only=True):
    """[dns]: who is answered, and with what of the school's own."""

    clients: tuple[Network, ...] = PRIVATE_NETWORKS
    workers: NotNegative = 0  # 0: one per core, as far as memory goes (`appliance.room.capacity`)
    rate_limit: NotNegative = 1000  # queries a second per device; 0: off
    forward: tuple[DnsForwardSection, ...] = ()
    upstream: tuple[DnsUpstreamSection, ...] = ()
    record: tuple[LocalRecord, ...] = ()  # the school's own
    own_names: tuple[DomainName, ...] = (DomainName("hallpass.home.arpa"),)  # of this room's pages
    cache: DnsCacheSection = DnsCacheSection()

    def __post_init__(self) -> None:
        LocalZones(self.record)  # what one record cannot tell: an alias beside other records


class CommonListsSection(msgspec.Struct, frozen=True, kw_only=True):
    """[lists]: from where the lists come."""

    # Of what central has signed, for an enrolled room; the first is asked first.
    mirrors: tuple[MirrorUrl, ...] = ()


class CommonWebSection(msgspec.Struct, frozen=True, kw_only=True):
    """[web]: the teacher's pages."""

    language: PageLanguage = ""  # of the pages, for whoever has chosen none


class LedSection(msgspec.Struct, frozen=True, kw_only=True):
    """[led]: the lamp."""

    driver: Literal["auto", "gpio", "activity", "simulated"] = "auto"
    pin: PinNumber = 17


class ButtonSection(msgspec.Struct, frozen=True, kw_only=True):
    """[button]: an optional button between a pin and ground."""

    pin: PinNumber | None = None  # left out: there is none


class CommonLogSection(msgspec.Struct, frozen=True, kw_only=True):
    """[log]: what is written down, and for how long it is kept."""

    # How long allowed records may wait in memory: what a power cut may lose, beside the second in which a worker
    # counts. Refusals are always written at once.
    commit_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.75
    # How often a steady trickle of records goes from the journal into the database: longer wears the card less.
    fold_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 120.0
    # What is kept: everything; for allowed names their registrable domain; refusals only; or counts only.
    detail: Literal["everything", "domains", "refusals", "counts"] = "everything"
    keep_allowed_days: Positive = 7
    keep_refused_days: Positive = 30
    keep_counts_days: Positive = 396  # 13 months
    megabytes: Positive = 200  # beyond it the oldest allowed rows go first


class CommonPolicySection(msgspec.Struct, frozen=True, kw_only=True):
    """[policy]: what a room without central keeps closed."""

    closed: tuple[str, ...] = ()
    safe_search: bool = False
