"""`hallpass card`: what the card does for itself, called by its own units; a technician need not."""

import sys
import time
from importlib import metadata
from pathlib import Path

import click

from appliance.card.config_choice import choose_config
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.card.provisioning import Provisioning, update_upstreams
from appliance.card.status import write_status

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Where the card's file systems hang.",
)


@click.group()
def command() -> None:
    """Settle the card at each boot; what systemd calls."""


@command.command("settle")
@root_option
def provision(root: Path) -> None:
    """Read hallpass.toml and hallpass.bundle, and write what the machine's services follow.

    Mistakes in them are no failure: they are said on the boot partition, and the room keeps what was good last.
    """
    provisioning = Provisioning(CardPaths(root), Machine(), _say)
    provisioning.run_steps()
    for problem in provisioning.config.problems:
        _say(problem)
    sys.exit(1 if provisioning.failures else 0)


@command.command()
@root_option
def upstreams(root: Path) -> None:
    """Ask the name servers that the network offers now, where hallpass.toml names none."""
    if update_upstreams(CardPaths(root), Machine(), is_network_up=False):
        _say("the network offers other name servers; the resolver follows")


@command.command()
@root_option
def status(root: Path) -> None:
    """Say on the boot partition how the room is, where it is otherwise than before."""
    paths, machine = CardPaths(root), Machine()
    update_upstreams(paths, machine, is_network_up=True)
    write_status(paths, machine, choose_config(paths), metadata.version("hallpass"), time.time())


def _say(text: str) -> None:
    click.echo(f"hallpass card: {text}", err=True)
