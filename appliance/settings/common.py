"""The settings that a room's file (``room.toml``) and a card's (``hallpass.toml``) have in common, each once.

What only one of the two may say is in `appliance.settings.room` or `appliance.card.settings`. What is written in a
card's file becomes the room's as it is (`appliance.card.system_files`): a field added here can be written in both.
[dns] stands in a file of its own (`appliance.settings.dns`).
"""

from typing import Annotated, Literal

import msgspec

from appliance.settings.languages import PageLanguage
from appliance.settings.values import MirrorUrl, Positive

PinNumber = Annotated[int, msgspec.Meta(ge=0, le=53)]  # BCM


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
