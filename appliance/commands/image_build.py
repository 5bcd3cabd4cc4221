"""`hallpass image build`: from Debian's packages and our wheel to a card's image."""

import click


@click.command()
def command() -> None:
    """Build the image of the card."""
    raise click.ClickException("the image cannot be built yet")
