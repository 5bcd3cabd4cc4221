"""What scripts ask about devices and their groups."""

from appliance.operations.scripts.table import OVER, of_script, with_preview
from appliance.rights import Right
from appliance.script_interface import devices
from appliance.script_interface.values import PageNumber, RowId, ScriptChange, Words

_DEVICE = {"device_id": RowId}
_EFFECTS = ("What devices would see more or less.", devices.ScriptEffects)

DEVICES = (
    of_script(
        "list_school_devices", "GET /devices", Right.SEE_DEVICES,
        "The devices that have a name, fifty on a page. `group` may be `-`: those without one of their own.",
        ("The devices, by name.", devices.DeviceList),
        query={"search": Words, "group": devices.GroupName, "page": PageNumber},
    ),
    of_script(
        "list_unnamed_devices", "GET /devices/unnamed", Right.SEE_DEVICES,
        "The devices that rooms have seen within a week, and that nobody has named; fifty on a page.",
        ("The devices.", devices.UnnamedDevices), query={"page": PageNumber},
    ),
    *with_preview(
        _EFFECTS, "add_school_device", "POST /devices", Right.EDIT_DEVICES, "Gives a device a name.",
        ("The device.", devices.ScriptDevice), is_made=True, body=devices.SentDevice,
    ),
    *with_preview(
        _EFFECTS, "change_school_device", "PUT /devices/{device_id}", Right.EDIT_DEVICES,
        "Sets what is known of a device, as a whole.", ("The device.", devices.ScriptDevice),
        parameters=_DEVICE, body=devices.ChangedDevice,
    ),
    of_script(
        "remove_school_device", "DELETE /devices/{device_id}", Right.EDIT_DEVICES,
        "Forgets a device: it is one that nobody has named again.", OVER, parameters=_DEVICE,
    ),
    of_script(
        "restore_school_device", "POST /devices/{device_id}/restoration", Right.EDIT_DEVICES,
        "Puts a device back that was removed within a month.", ("The device.", devices.ScriptDevice),
        parameters=_DEVICE,
    ),
    *with_preview(
        _EFFECTS, "move_school_devices", "POST /devices/group", Right.EDIT_DEVICES,
        "Puts devices into a group.", ("How many were not in it.", devices.DevicesMoved),
        body=devices.MovedDevices,
    ),
    *with_preview(
        ("What they would come to.", devices.SentDevicesResult),
        "send_school_devices", "PUT /devices/several", Right.EDIT_DEVICES,
        "Adds and changes many devices at once: all of them, or where one is wrong none. Sent twice, the second "
        "time changes nothing.",
        ("What they came to.", devices.SentDevicesResult), body=devices.SentDevices,
    ),
    of_script(
        "list_school_groups", "GET /groups", Right.SEE_DEVICES, "The groups of devices.",
        ("The groups, the default one first.", list[devices.ScriptGroup]),
    ),
    *with_preview(
        _EFFECTS, "set_group_networks", "PUT /groups/networks", Right.EDIT_DEVICES,
        "Says which networks belong to a group, and on which alone its devices count.",
        ("The group.", devices.ScriptGroup), body=devices.GroupNetworks,
    ),
    *with_preview(
        _EFFECTS, "set_group_of_room", "PUT /groups/rooms", Right.EDIT_DEVICES,
        "Says to which group a room's devices belong that are in no other.",
        ("What should be known of it.", ScriptChange), body=devices.GroupOfRoom,
    ),
)  # fmt: skip
