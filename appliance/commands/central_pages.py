"""`hallpass central pages`: certificates for the pages, from an authority of the school's own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from appliance.central.service import open_central, utc_now
from appliance.commands.options import config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

FOLDER = "pages-authority"


@click.group("pages")
def command() -> None:
    """Certificates for central's and the rooms' pages, for devices that the school manages (docs/https.md)."""


@command.command()
@click.option(
    "--suffix", "suffixes", multiple=True, required=True, help="The school's names are below it; several."
)
@click.option(
    "--network", "networks", multiple=True, help="Of its addresses; several. Left out: every private one."
)
@config_option("central.toml")
@json_option
def authority(suffixes: tuple[str, ...], networks: tuple[str, ...], config: Path, *, as_json: bool) -> None:
    """Make the authority, once. It can sign for the school's own names and private addresses, and for no other."""
    from appliance.central.page_authority import KEY_FILE, make_authority  # noqa: PLC0415 (nine megabytes)

    central = open_central(load_settings(config, CentralSettings))
    folder, school = central.settings.central.data / FOLDER, central.identity.current().name
    central.store.close()
    with _in_words():
        file = make_authority(folder, utc_now(), school=school, suffixes=suffixes, networks=networks)
    if as_json:
        print_json({"certificate": str(file), "key": str(folder / KEY_FILE)})
    else:
        click.echo(f"{file}: give this one to the devices (docs/https.md).")
        click.echo(f"{folder / KEY_FILE}: keep this one to yourself.")


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--output", type=click.Path(path_type=Path), default=Path(), help="The folder for both files.")
@click.option("--days", type=click.IntRange(1, 825), default=397, show_default=True, help="How long it holds.")
@config_option("central.toml")
@json_option
def issue(names: tuple[str, ...], output: Path, days: int, config: Path, *, as_json: bool) -> None:
    """Make a certificate and its key for names and addresses of the school's pages."""
    from appliance.central.page_authority import issue_certificate  # noqa: PLC0415 (nine megabytes)

    folder = load_settings(config, CentralSettings).central.data / FOLDER
    with _in_words():
        certificate, key = issue_certificate(folder, utc_now(), names=names, output=output, days=days)
    if as_json:
        print_json({"certificate": str(certificate), "key": str(key)})
    else:
        click.echo(f"{certificate} and {key}: for {', '.join(names)}, for {days} days.")


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Say in one line what the disk refuses."""
    try:
        yield
    except OSError as problem:
        raise HallpassError(f"{problem.filename}: {problem.strerror}") from None
