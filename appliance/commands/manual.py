"""`hallpass manual`: manual pages for man(1), made from the help."""

from importlib import metadata
from pathlib import Path

import click

from appliance.manual_pages import write_manual_pages


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def command(ctx: click.Context, folder: Path) -> None:
    """Write the manual pages of this command into FOLDER, such as ~/.local/share/man/man1. A card has them.

    They are made from the help: man hallpass, man hallpass-doctor, and so on.
    """
    root = ctx.find_root()
    written = write_manual_pages(root.command, "hallpass", metadata.version("hallpass"), folder)
    click.echo(f"{folder}: {len(written)} pages")
