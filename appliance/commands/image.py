"""`hallpass image`: make cards, one subcommand a module, loaded only when it is called.

The subcommand `hallpass image NAME` is `appliance.commands.image_NAME`'s attribute `command`.
"""

import importlib

import click

COMMANDS = {
    "build": "build the image of the card, for every room the same",
    "personalise": "write rooms' settings and enrolments onto cards",
    "verify": "look into an image for what must not be there, and for what must",
}


class _ImageCommandGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"appliance.commands.image_{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_ImageCommandGroup)
def command() -> None:
    """Make the cards of the rooms' Pis."""
