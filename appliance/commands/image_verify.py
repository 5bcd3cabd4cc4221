"""`hallpass image verify`: look into an image."""

import click


@click.command()
def command() -> None:
    """Look into an image."""
    raise click.ClickException("images cannot be looked into yet")
