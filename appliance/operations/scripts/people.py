"""What scripts ask about the accounts of supply teachers: of nobody else's."""

from appliance.operations.scripts.table import OVER, of_script
from appliance.protocol import Username
from appliance.rights import Right
from appliance.script_interface import people

_RIGHT = Right.MANAGE_SUPPLY_ACCOUNTS
_ACCOUNT = {"username": Username}
_LINK = ("By what a password is set, once.", people.SupplyLink)
_ONE = "/supply-teachers/{username}"

PEOPLE = (
    of_script(
        "list_supply_accounts", "GET /supply-teachers", _RIGHT, "The accounts of supply teachers.",
        ("The accounts, by user name.", list[people.SupplyAccount]),
    ),
    of_script(
        "add_supply_account", "POST /supply-teachers", _RIGHT,
        "Makes an account for a supply teacher, until a day. Whoever has the link sets its password.", _LINK,
        is_made=True, body=people.NewSupplyAccount,
    ),
    of_script(
        "change_supply_account", f"PUT {_ONE}", _RIGHT, "Gives an account another name, last day, or rooms.",
        ("The account.", people.SupplyAccount), parameters=_ACCOUNT, body=people.SupplyChange,
    ),
    of_script("end_supply_account", f"POST {_ONE}/end", _RIGHT, "Ends an account now.", OVER, parameters=_ACCOUNT),
    of_script(
        "return_supply_account", f"POST {_ONE}/return", _RIGHT, "Lets an ended account be used again.", _LINK,
        parameters=_ACCOUNT, body=people.SupplyReturn,
    ),
    of_script(
        "make_supply_link", f"POST {_ONE}/link", _RIGHT, "Makes a link by which its owner sets another password.",
        _LINK, parameters=_ACCOUNT,
    ),
)  # fmt: skip
