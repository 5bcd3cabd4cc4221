"""`hallpass lists held`, `accept` and `refuse`: a person's word on copies that may not be believed."""

import time
from pathlib import Path

import click
import msgspec

from appliance.commands.lists_options import FETCHED, INDEX_OPTION, JSON, list_failures
from appliance.commands.lists_words import print_held
from blocklists.fetcher import Fetcher


@click.command()
@INDEX_OPTION
@JSON
def held(index: Path, *, as_json: bool) -> None:
    """Show the copies that wait for you, and what each would change: added and removed, best known first."""
    found = _fetcher(index).list_held()
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    elif not found:
        click.echo("Nothing is held back.")
    else:
        print_held(found)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@INDEX_OPTION
def accept(names: tuple[str, ...], index: Path) -> None:
    """Take the held-back copies of these sources into use, at the next build."""
    with list_failures():
        fetcher = _fetcher(index)
        for name in names:
            copy = fetcher.accept_held(fetcher.known_source(name))
            click.echo(f"{name}: accepted, {copy.entries} entries; in force after hallpass lists build")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@INDEX_OPTION
def refuse(names: tuple[str, ...], index: Path) -> None:
    """Refuse the held-back copies of these sources: the ones in use stay, and the same are not shown again."""
    with list_failures():
        fetcher = _fetcher(index)
        for name in names:
            fetcher.refuse_held(fetcher.known_source(name))
            click.echo(f"{name}: refused; the copy in use stays")


COMMANDS = (held, accept, refuse)


def _fetcher(index: Path) -> Fetcher:
    return Fetcher(index / FETCHED, time.time)
