"""`hallpass image`: make cards, one subcommand a module, loaded only when it is called.

The subcommand `hallpass image NAME` is `appliance.commands.image_NAME`'s attribute `command`.
"""

import click

from appliance.commands.lazy_group import LazyGroup

COMMANDS = {
    "build": "build the image of the card, for every room the same",
    "personalise": "write rooms' settings and enrolments onto cards",
    "verify": "look into an image for what must not be there, and for what must",
}


class _ImageCommandGroup(LazyGroup):
    modules = "appliance.commands.image_{}"
    summaries = COMMANDS


@click.group(cls=_ImageCommandGroup)
def command() -> None:
    """Make the cards of the rooms' Pis."""
