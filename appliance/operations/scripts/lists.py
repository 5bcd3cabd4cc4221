"""What scripts ask about the lists that a school subscribes to."""

from appliance.operations.scripts.table import OVER, of_script, with_preview
from appliance.rights import Right
from appliance.script_interface import lists
from appliance.script_interface.values import RowId, ScriptChange

_CHANGED = ("By what it is undone.", ScriptChange)
_MEANS = ("What it would mean.", lists.UsePreview)
_LIST = {"list_id": RowId}

LISTS = (
    of_script(
        "list_school_lists", "GET /lists", Right.EDIT_LISTS,
        "The lists that the school subscribes to, how old each copy is, and what waits for somebody.",
        ("The lists.", lists.ScriptLists),
    ),
    of_script(
        "add_school_list", "POST /lists", Right.EDIT_LISTS,
        "Subscribes to a list at an https address. Rooms have it when the lists are put together.", OVER,
        body=lists.NewList,
    ),
    *with_preview(
        _MEANS, "set_school_list_use", "PUT /lists/{list_id}/use", Right.EDIT_LISTS,
        "Has a list close or open, and close whole endings or not.", _CHANGED, parameters=_LIST,
        body=lists.ListUse,
    ),
    of_script(
        "remove_school_list", "DELETE /lists/{list_id}", Right.EDIT_LISTS, "Subscribes to a list no longer.",
        _CHANGED, parameters=_LIST,
    ),
    of_script(
        "accept_list_download", "POST /lists/{list_id}/acceptance", Right.EDIT_LISTS,
        "Takes into use a download that waits for somebody, as it changes so much.", OVER, parameters=_LIST,
    ),
    of_script(
        "refuse_list_download", "POST /lists/{list_id}/refusal", Right.EDIT_LISTS,
        "Keeps the copy in use: the download that waits is not shown again.", OVER, parameters=_LIST,
    ),
    *with_preview(
        _MEANS, "set_builtin_list", "PUT /lists/built-in", Right.EDIT_LISTS,
        "Uses the list that Hallpass brings, or uses it no longer.", _CHANGED, body=lists.BuiltinUse,
    ),
    of_script(
        "list_ready_sets", "GET /lists/sets", Right.EDIT_LISTS,
        "The ready-made sets of lists, openings and profiles.", ("The sets.", list[lists.ReadySet]),
    ),
    of_script(
        "add_ready_set", "POST /lists/sets", Right.EDIT_LISTS, "Adds a ready-made set; what is there stays.",
        ("What it brought.", lists.AddedSet), is_made=True,
        body=lists.ChosenSet,
    ),
    of_script(
        "build_school_lists", "POST /lists/build", Right.EDIT_LISTS,
        "Has every list fetched and put together, which goes on after the answer.", OVER, writes="nothing",
    ),
)  # fmt: skip
