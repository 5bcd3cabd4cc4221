"""`hallpass card`: what the card does for itself, called by its own units; a technician need not."""

import sys
import time
from importlib import metadata
from pathlib import Path

import click

from appliance.card.config_choice import choose_config
from appliance.card.contained_machine import ContainedMachine
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.card.provisioning import Provisioning, update_upstreams
from appliance.card.status import write_status
from appliance.errors import HallpassError

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Where the card's file systems hang; elsewhere than at / nothing outside them is changed.",
)


def _find_card(root: Path) -> tuple[CardPaths, Machine]:
    """Return the card whose file systems hang from a folder. Raises HallpassError: there is none."""
    paths = CardPaths(root)
    if not paths.release.is_file():
        raise HallpassError(
            f"{root} is no card of Hallpass ({paths.release} is not there): nothing was changed. Cards do this "
            "for themselves at each boot; a room on another machine needs none of it (hallpass room)"
        )
    is_this_machine = root.resolve() == Path("/")
    return paths, Machine() if is_this_machine else ContainedMachine(root)


@click.group()
def command() -> None:
    """Settle the card at each boot; what systemd calls."""


@command.command("settle")
@root_option
def provision(root: Path) -> None:
    """Read hallpass.toml and hallpass.bundle, and write what the machine's services follow.

    Mistakes in them are no failure: they are said on the boot partition, and the room keeps what was good last.
    """
    paths, machine = _find_card(root)
    provisioning = Provisioning(paths, machine, _say)
    provisioning.run_steps()
    for problem in provisioning.config.problems:
        _say(problem)
    sys.exit(1 if provisioning.failures else 0)


@command.command()
@root_option
def upstreams(root: Path) -> None:
    """Ask the name servers that the network offers now, where hallpass.toml names none."""
    paths, machine = _find_card(root)
    if update_upstreams(paths, machine, is_network_up=False):
        _say("the network offers other name servers; the resolver follows")


@command.command()
@root_option
def status(root: Path) -> None:
    """Say on the boot partition how the room is, where it is otherwise than before."""
    paths, machine = _find_card(root)
    update_upstreams(paths, machine, is_network_up=True)
    write_status(paths, machine, choose_config(paths), metadata.version("hallpass"), time.time())


def _say(text: str) -> None:
    click.echo(f"hallpass card: {text}", err=True)
