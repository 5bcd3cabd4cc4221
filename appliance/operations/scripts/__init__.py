"""What a school's own scripts can ask of central, with a key of limited rights: a file for each few features."""

from appliance.operations.operation import Operation
from appliance.operations.scripts.decisions import DECISIONS
from appliance.operations.scripts.devices import DEVICES
from appliance.operations.scripts.incidents import INCIDENTS
from appliance.operations.scripts.lists import LISTS
from appliance.operations.scripts.people import PEOPLE
from appliance.operations.scripts.settings import SETTINGS
from appliance.operations.scripts.table import of_script
from appliance.rights import Right
from appliance.script_interface.values import ChangeId, ScriptUndo

# Whoever may change something may undo it, and nothing else: the kinds stand with the view.
_UNDONE = {
    "openings": Right.DECIDE_REQUESTS, "rules": Right.EDIT_RULES, "profiles": Right.EDIT_PROFILES,
    "settings": Right.EDIT_SCHOOL, "delegations": Right.DELEGATE, "lists": Right.EDIT_LISTS,
}  # fmt: skip


def _undo(feature: str, right: Right) -> Operation:
    return of_script(
        f"undo_{feature}_change", f"POST /{feature}/undo/{{change_id}}", right,
        "Puts back what a change replaced, within a month, where nobody has changed it again.",
        ("What is as it was.", ScriptUndo), parameters={"change_id": ChangeId}, view="undo_school_change",
        fixed={"feature": feature},
    )  # fmt: skip


SCRIPTS_OPERATIONS = (
    *DECISIONS,
    *DEVICES,
    *SETTINGS,
    *LISTS,
    *INCIDENTS,
    *PEOPLE,
    *(_undo(feature, right) for feature, right in _UNDONE.items()),
)
