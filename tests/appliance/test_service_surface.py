"""Whatever a page or a command of central's lets a school do, its own scripts can ask for: or it says why not."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from appliance.commands.central_script_keys import to_option
from appliance.operations import OPERATIONS
from appliance.rights import SCRIPT_RIGHTS
from tests.docs.sources import ROOT

# Services that no operation uses, each with the reason.
_RUNS = "it is of whoever runs the service: its files, its keys, its database"
_OWN = "it is somebody's own: how they sign in, what they are sent"
_PAGES = "it is how pages show what operations list"
WITHOUT: dict[str, str] = {
    "answer_figures": _PAGES,
    "audit_verification": "it reads the whole audit, however long that takes: `hallpass central audit verify`",
    "audit_witnesses": "of the same",
    "backup": _RUNS,
    "card_secrets": "it gives secrets of rooms out",
    "counts": "reports say it, without any number under five",
    "day_figures": _PAGES,
    "ended_cards": _PAGES,
    "epoch": _RUNS,
    "first_start": "it leads somebody through what operations do one by one",
    "inbox": _PAGES,
    "lists.handed_in": "a file of 64 MB is more than a message may be: page and command take it",
    "log_keys": _RUNS,
    "mail_outbox": _RUNS,
    "mail_recipients": _OWN,
    "notices": _OWN,
    "openid_accounts": _OWN,
    "page_certificates": _RUNS,
    "page_keys_left": _RUNS,
    "room_keys": _RUNS,
    "room_sign_ins": _OWN,
    "rooms_authority": _RUNS,
    "school_identity": "`school_settings` has the name and the time zone",
    "script_keys": "a key that made keys could outlive its end",
    "second_factor": _OWN,
    "second_factor_rule": _OWN,
    "sessions": _OWN,
    "sign_in": _OWN,
    "trust_database": _RUNS,
    "trust_membership": _RUNS,
    "trust_numbers": _RUNS,
    "trust_openings": _RUNS,
    "webhooks": "an address that is told of news would outlive the key that added it",
}


def services() -> Iterator[str]:
    """Yield central's modules with functions that are given a session: what pages and commands are made of."""
    for path in (ROOT / "appliance/central").rglob("*.py"):
        if "migrations" not in path.parts and any(map(_is_service, ast.parse(path.read_text()).body)):
            yield ".".join(path.relative_to(ROOT / "appliance/central").with_suffix("").parts)


def _is_service(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and [one.arg for one in node.args.args[:1]] == ["session"]
    )


def used_by(paths: Iterable[Path]) -> set[str]:
    """Return the modules of central's that files import, below `appliance.central`."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("appliance.central"):
                found |= {str(node.module), *(f"{node.module}.{one.name}" for one in node.names)}
    return {name.removeprefix("appliance.central.") for name in found}


def test_every_service_of_a_page_or_command_has_an_operation_or_a_reason() -> None:
    commands = ROOT / "appliance/commands"
    shown = used_by(
        [*(ROOT / "webui/central").rglob("*.py"), *commands.glob("central*.py"), *commands.glob("acc*.py")]
    )
    asked = used_by((ROOT / "webui/api/school").glob("*.py"))
    offered = set(services()) & shown
    assert len(offered & asked) > 30
    assert offered - asked == set(WITHOUT), "an operation is missing, or a reason is not needed any more"


def test_the_table_of_keys_names_every_right_and_every_place_of_the_scripts_interface() -> None:
    written = (ROOT / "docs/central.md").read_text().split("## Keys for scripts", 1)[1].split("\n## ", 1)[0]
    places = {one.path.split("/")[2] for one in OPERATIONS if one.caller == "script"}
    assert [one for one in SCRIPT_RIGHTS if f"`{to_option(one)}`" not in written] == []
    assert [one for one in places if f"`/{one}`" not in written] == []
