"""`hallpass agent`: what follows central."""

from pathlib import Path

import click

from appliance.commands.options import config_option, print_json
from appliance.protocol import KeptHeads
from appliance.room.agent.audit_heads import read_audit_heads
from appliance.room.agent.room_identity import forget_trusted_lists
from appliance.room.paths import RoomPaths
from appliance.room.start_agent import start
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


@click.group(invoke_without_command=True)
@config_option("room.toml")
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Run the agent: follow central, deliver requests, answer the pages."""
    if ctx.invoked_subcommand is None:
        start(config)


@command.command("trust-new-lists")
@config_option("room.toml")
def trust_new_lists(config: Path) -> None:
    """Forget what this room trusts about signed lists, after central had to begin anew with its keys.

    The next root that central shows over its pinned connection is trusted. The lists in use stay in use.
    """
    paths = RoomPaths.from_settings(load_settings(config, RoomSettings))
    forget_trusted_lists(paths.identity)
    click.echo("This room trusts the next root key of the lists that central shows.")


@command.command("lists-from")
@click.argument("folder", type=click.Path(path_type=Path))
@config_option("room.toml")
def lists_from(folder: Path, config: Path) -> None:
    """Take the signed lists in FOLDER into use, such as those on a USB stick (in a room without network).

    FOLDER was written by `hallpass central signatures export-lists`. Nothing is taken that is older than what this
    room has seen, has ended, was altered or is somebody else's.
    """
    from appliance.commands.progress_bar import progress_bar  # noqa: PLC0415 (the agent itself needs neither)
    from appliance.room.agent import lists_folder  # noqa: PLC0415

    settings = load_settings(config, RoomSettings)
    with progress_bar("lists") as report:
        made = lists_folder.install_from_folder(settings, folder, report)
    click.echo(made)


@command.command("audit-heads")
@config_option("room.toml")
def audit_heads(config: Path) -> None:
    """Print what this room has kept of central's audit, for `hallpass central audit verify --against FILE`."""
    paths = RoomPaths.from_settings(load_settings(config, RoomSettings))
    print_json(KeptHeads(read_audit_heads(paths.agent_store)))
