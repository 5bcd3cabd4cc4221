"""School settings, delegations, site bundles and lesson plans, as a school's own scripts see and change them."""

from typing import Annotated, Literal

import msgspec

from appliance.control_characters import TEXT_PATTERN
from appliance.protocol import Id, SiteName
from appliance.script_interface.values import (
    Categories,
    Category,
    FurtherNames,
    Groups,
    Name,
    Note,
    Revision,
    ScriptGroupSites,
)

PlanId = Annotated[Id, msgspec.Meta(description="The plan's id.")]
_Site = Annotated[SiteName, msgspec.Meta(description="The site.")]
SiteInAddress = _Site
_Threshold = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_Line = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"pattern": TEXT_PATTERN})]
_Link = Annotated[str, msgspec.Meta(max_length=2000, extra_json_schema={"pattern": TEXT_PATTERN})]
Links = Annotated[tuple[_Link, ...], msgspec.Meta(min_length=1, max_length=100)]
LessonMinutes = Annotated[int, msgspec.Meta(ge=1, le=480)]


class ScriptThresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on refusals are an incident."""

    many_refusals: _Threshold  # of one device, within
    many_minutes: _Threshold
    bypass_names: _Threshold  # ways round the filter that one device asked for within an hour
    again_minutes: _Threshold  # how long the same device and cause make no second incident


class ScriptClosedRange(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses that no name may lead to."""

    network: Annotated[str, msgspec.Meta(max_length=100, extra_json_schema={"pattern": TEXT_PATTERN})]
    category: Category = ""
    note: Note = ""


class ScriptPupilPages(msgspec.Struct, frozen=True, kw_only=True):
    """What pupils read where something is closed, and on the poster."""

    help_line: _Line = ""
    rules: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=30)] = ()
    shared: Groups = ()  # devices and groups whose devices several pupils use


class ScriptSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds in every room of the school."""

    school: str
    timezone: str
    locked_categories: list[str]  # what nobody can open
    tunnels: str
    incidents: ScriptThresholds
    button_pause_minutes: int
    private_names: list[str]
    closed_addresses: list[ScriptClosedRange]
    pupil_pages: ScriptPupilPages
    revision: str  # of all of it


class ChangedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be set for every room: what is left out stays."""

    school: Annotated[str, msgspec.Meta(max_length=100, extra_json_schema={"pattern": TEXT_PATTERN})] | None = None
    timezone: Name | None = None
    locked_categories: Categories | None = None
    tunnels: Literal["off", "report", "close"] | None = None
    incidents: ScriptThresholds | None = None
    button_pause_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] | None = None
    private_names: Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=200)] | None = None
    closed_addresses: Annotated[tuple[ScriptClosedRange, ...], msgspec.Meta(max_length=500)] | None = None
    pupil_pages: ScriptPupilPages | None = None
    revision: Revision = ""  # that the script saw; "": whatever it is
    confirmed: bool = False  # that a category that harms may be opened again


class SettingsPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of settings comes to."""

    words: list[str]
    groups: list[ScriptGroupSites]
    closing: list[str]  # sites that are open for now, and would be closed at once
    last_week: list[str]
    warning: str  # what has to be confirmed


class ScriptDelegation(msgspec.Struct, frozen=True, kw_only=True):
    """A category whose sites teachers may open by themselves."""

    category: str
    group: str  # "": every group
    minutes: int  # at most
    per_day: int  # 0: as often as they like


class NewDelegation(msgspec.Struct, frozen=True, kw_only=True):
    """A category whose sites teachers are to open by themselves."""

    category: Category
    minutes: LessonMinutes
    per_day: Annotated[int, msgspec.Meta(ge=0, le=100)]
    groups: Groups = ()  # none: every group
    confirmed: bool = False  # that it is meant, of a category that harms


class EndedDelegation(msgspec.Struct, frozen=True, kw_only=True):
    """A category whose sites are to wait for the coordinator again."""

    category: Category
    group: Category = ""  # "": where it was delegated for every group


class ScriptBundle(msgspec.Struct, frozen=True, kw_only=True):
    """What opens with a site."""

    site: str
    names: list[str]
    is_own: bool  # the school's own, and not what Hallpass knows
    revision: str  # of the school's own


class SentBundle(msgspec.Struct, frozen=True, kw_only=True):
    """What is to open with a site, and nothing else."""

    names: FurtherNames
    revision: Revision | None = None  # that the script saw; left out: whatever it is


class BundledName(msgspec.Struct, frozen=True, kw_only=True):
    """A name that would open with a site."""

    name: str
    is_new: bool
    is_closed: bool  # now
    would_open: bool
    why_not: str


class BundlePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle comes to."""

    site: str
    names: list[BundledName]
    no_longer: list[str]  # what opens with it now, and would not any more
    last_week: list[str]
    openings: int  # that are in force now or planned: they follow at once


class ScriptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson plan of the school's: by itself it opens and closes nothing."""

    id: str
    title: str
    links: list[str]
    minutes: int
    revision: str


class SentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson plan to keep."""

    title: Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"pattern": TEXT_PATTERN})]
    links: Links
    minutes: LessonMinutes = 60
    revision: Revision | None = None  # that the script saw; left out: whatever it is


class PlannedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link of a plan, looked at."""

    link: str
    site: str
    is_closed: bool  # now
    would_open: bool
    problem: str  # why it is no link


class PlanPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What the links of a plan come to."""

    links: list[PlannedLink]
