"""The settings of a school as one value, its fields, and the same as JSON keeps it."""

import hashlib
from collections.abc import Collection
from typing import Any, Literal

import msgspec

from appliance.central.errors import NotPossible
from dns.policy.document import BlockedRange, IncidentThresholds, NotNegative, PupilPages, SchoolPlan, SiteBundle

_encoder = msgspec.json.Encoder(order="deterministic")


class SchoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Each field means what it means in `dns.policy.document.PolicyDocument`."""

    school: str = ""  # its name; in what is to be set, "" stays what it is, as of the next
    timezone: str = ""
    locked_categories: tuple[str, ...] = ()
    tunnels: Literal["off", "report", "close"] = "report"
    incidents: IncidentThresholds = IncidentThresholds()
    button_pause_minutes: NotNegative = 0
    private_names: tuple[str, ...] = ()
    closed_addresses: tuple[BlockedRange, ...] = ()
    pupil_pages: PupilPages = PupilPages()
    bundles: tuple[SiteBundle, ...] = ()  # by site, each under its name without "www."
    school_plans: tuple[SchoolPlan, ...] = ()

    def revision_of(self, fields: Collection[str]) -> str:
        """Return what names the value of some fields: another one after every change of one of them."""
        return revision_of_values([getattr(self, field) for field in sorted(fields)])


FIELDS = SchoolSettings.__struct_fields__


def revision_of_values(values: list[Any]) -> str:
    """Return what names some values: another one for others."""
    return hashlib.sha256(_encoder.encode(values)).hexdigest()[:16]


def parse_settings(found: dict[str, Any]) -> SchoolSettings:
    """Return settings of plain values. Raises NotPossible where they are none."""
    try:
        return msgspec.convert(found, SchoolSettings)
    except msgspec.ValidationError as problem:
        raise NotPossible(f"this cannot be set: {problem}") from None


def to_builtins(settings: SchoolSettings, fields: Collection[str] = FIELDS) -> dict[str, Any]:
    """Return some fields of settings as JSON keeps them."""
    found: dict[str, Any] = msgspec.json.decode(_encoder.encode(settings))
    return {field: found[field] for field in FIELDS if field in fields}


def differing_fields(before: SchoolSettings, after: SchoolSettings) -> list[str]:
    """Return the fields that differ."""
    return [field for field in FIELDS if getattr(before, field) != getattr(after, field)]


def document_fields(settings: SchoolSettings, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return some fields of settings as a policy document has them."""
    return {field: getattr(settings, field) for field in FIELDS if field not in without}
