"""What scripts ask about profiles, timetables, the school's year and settings, delegations, bundles and plans."""

from appliance.operations.scripts.table import of_script, with_preview
from appliance.problem_details import ProblemType
from appliance.rights import Right
from appliance.script_interface import profiles, settings
from appliance.script_interface.values import Category, DayWanted, ScriptChange

_CHANGED = ("By what it is undone.", ScriptChange)
_NOT_FOUND = (ProblemType.NOT_FOUND,)
_WEEK = ("A week as it would be.", list[profiles.ScriptDay])
_SITE = {"site": settings.SiteInAddress}
_PLAN = {"plan_id": settings.PlanId}

_PROFILES = (
    of_script(
        "list_school_profiles", "GET /profiles", Right.EDIT_PROFILES, "The profiles, as they are set.",
        ("The profiles, the default one first.", list[profiles.ListedProfile]),
    ),
    of_script(
        "list_ready_profiles", "GET /profiles/ready-made", Right.EDIT_PROFILES,
        "The profiles that Hallpass brings, to be added.", ("The profiles.", list[profiles.ReadyProfile]),
    ),
    of_script(
        "add_school_profile", "POST /profiles", Right.EDIT_PROFILES,
        "Adds a profile. It is for nobody until a device, a network or a room is in the group of its name.",
        _CHANGED, is_made=True, body=profiles.ScriptProfile,
    ),
    *with_preview(
        ("What would open and close.", profiles.ProfilePreview),
        "set_school_profile", "PUT /profiles", Right.EDIT_PROFILES,
        "Sets a profile as a whole; its name as well, with which everything goes that belongs to it.", _CHANGED,
        body=profiles.ProfileSetting,
    ),
    of_script(
        "remove_school_profile", "POST /profiles/removal", Right.EDIT_PROFILES,
        "Removes a profile that nothing uses.", _CHANGED, body=profiles.NamedProfile,
    ),
    of_script(
        "set_default_profile", "PUT /profiles/default", Right.EDIT_PROFILES,
        "Says which profile devices meet that nobody has named.", _CHANGED,
        body=profiles.NamedProfile,
    ),
)  # fmt: skip
_TIMETABLES = (
    of_script(
        "get_school_timetable", "GET /timetable", Right.EDIT_PROFILES,
        "The rows of a `profile`, what holds now, what changes next, and what is odd.",
        ("The timetable.", profiles.ScriptTimetable), query={"profile": Category}, problems=_NOT_FOUND,
    ),
    of_script(
        "get_timetable_week", "GET /timetable/week", Right.EDIT_PROFILES,
        "A week of a `profile`: the one in which a `day` lies, or this one.",
        ("The days.", list[profiles.ScriptDay]), query={"profile": Category, "day": DayWanted},
        problems=(*_NOT_FOUND, ProblemType.NOT_POSSIBLE),
    ),
    *with_preview(
        _WEEK, "put_timetable_row", "PUT /timetable/rows", Right.EDIT_PROFILES,
        "Adds a row to a profile's timetable, or puts one in the place of another.", _CHANGED,
        body=profiles.PutRow,
    ),
    of_script(
        "remove_timetable_row", "POST /timetable/rows/removal", Right.EDIT_PROFILES,
        "Takes a row out of a profile's timetable.", _CHANGED, body=profiles.RemovedRow,
    ),
    of_script(
        "get_school_year", "GET /year", Right.EDIT_PROFILES, "The school's week, terms and holidays.",
        ("The year.", profiles.ScriptYear),
    ),
    of_script(
        "set_school_week", "PUT /year/week", Right.EDIT_PROFILES, "Says on which weekdays the school is open.",
        _CHANGED, body=profiles.SchoolWeek,
    ),
    of_script(
        "add_school_days", "POST /year/days", Right.EDIT_PROFILES, "Adds a term or a holiday.", _CHANGED,
        is_made=True, body=profiles.SentSpan,
    ),
    of_script(
        "remove_school_days", "POST /year/days/removal", Right.EDIT_PROFILES, "Removes a term or a holiday.",
        _CHANGED, body=profiles.SentSpan,
    ),
)  # fmt: skip
_SETTINGS = (
    of_script(
        "get_school_settings", "GET /settings", Right.EDIT_SCHOOL, "What holds in every room.",
        ("The settings.", settings.ScriptSettings),
    ),
    *with_preview(
        ("What would change.", settings.SettingsPreview),
        "set_school_settings", "PUT /settings", Right.EDIT_SCHOOL,
        "Sets what is named for every room. Where a category that harms may be opened again, it has to be "
        "confirmed.",
        _CHANGED, body=settings.ChangedSettings,
    ),
    of_script(
        "list_school_delegations", "GET /delegations", Right.DELEGATE, "What teachers may open by themselves.",
        ("What is delegated.", list[settings.ScriptDelegation]),
    ),
    of_script(
        "delegate_school_category", "POST /delegations", Right.DELEGATE,
        "Lets teachers open a category's sites by themselves. Of one that harms, it has to be confirmed.",
        _CHANGED, is_made=True, body=settings.NewDelegation,
    ),
    of_script(
        "end_school_delegation", "POST /delegations/end", Right.DELEGATE,
        "Has a category's sites wait for somebody again.", _CHANGED,
        body=settings.EndedDelegation,
    ),
)  # fmt: skip
_BUNDLES = (
    of_script(
        "list_school_bundles", "GET /bundles", Right.EDIT_RULES, "The school's own site bundles.",
        ("The bundles, by site.", list[settings.ScriptBundle]),
    ),
    of_script(
        "get_school_bundle", "GET /bundles/{site}", Right.EDIT_RULES,
        "What opens with a site now, by the school's own bundle or by what Hallpass knows.",
        ("The bundle.", settings.ScriptBundle), parameters=_SITE, problems=(ProblemType.NOT_POSSIBLE,),
    ),
    *with_preview(
        ("What would open with it.", settings.BundlePreview),
        "put_school_bundle", "PUT /bundles/{site}", Right.EDIT_RULES,
        "Has some names, and nothing else, open with a site.", _CHANGED, parameters=_SITE,
        body=settings.SentBundle,
    ),
    of_script(
        "remove_school_bundle", "DELETE /bundles/{site}", Right.EDIT_RULES,
        "Removes the school's own bundle of a site; what Hallpass knows of it holds again.", _CHANGED,
        parameters=_SITE,
    ),
    of_script(
        "list_school_plans", "GET /plans", Right.EDIT_RULES, "The school's own lesson plans.",
        ("The plans.", list[settings.ScriptPlan]),
    ),
    *with_preview(
        ("What its links come to.", settings.PlanPreview),
        "add_school_plan", "POST /plans", Right.EDIT_RULES, "Adds a lesson plan, which every room shows.",
        _CHANGED, is_made=True, body=settings.SentPlan,
    ),
    of_script(
        "change_school_plan", "PUT /plans/{plan_id}", Right.EDIT_RULES, "Sets a lesson plan as a whole.",
        _CHANGED, parameters=_PLAN, body=settings.SentPlan, view="add_school_plan",
    ),
    of_script(
        "remove_school_plan", "DELETE /plans/{plan_id}", Right.EDIT_RULES, "Removes a lesson plan.", _CHANGED,
        parameters=_PLAN,
    ),
)  # fmt: skip

SETTINGS = (*_PROFILES, *_TIMETABLES, *_SETTINGS, *_BUNDLES)
