"""`hallpass lists subscribe`: from nothing to a ready-made set in one step, in a folder or at central."""

from pathlib import Path

import click

from appliance.central.lists.set_subscription import SubscribedSet, subscribe_set
from appliance.central.service import open_central
from appliance.commands.options import BY
from appliance.errors import HallpassError
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from blocklists.catalogue import CatalogueSet, load_catalogue
from blocklists.errors import ListError
from blocklists.set_subscription import SOURCES_NAME, add_to_sources_file, sources_of


@click.command()
@click.argument("set_id", metavar="SET")
@click.option(
    "--output", type=click.Path(path_type=Path), help="The folder for the index, and for its sources file."
)
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take copies of the lists from this folder, named by their ids, and not from the network.",
)
@click.option(
    "--central",
    "config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CENTRAL.TOML",
    help="Subscribe the school of this central, and publish to its rooms.",
)
@click.pass_context
def subscribe(
    ctx: click.Context, set_id: str, output: Path | None, folder: Path | None, config: Path | None
) -> None:
    """Subscribe to the ready-made SET (primary-school, secondary-school, staff, light): fetch, compile, publish.

    Sources that are there already stay as they are. What looks doubtful is held back, as with an update.
    """
    if (output is None) == (config is None):
        raise click.UsageError("Name either --output, for a room's index, or --central.")
    if config is not None and folder is not None:
        raise click.UsageError("--from belongs to --output: central fetches lists from their publishers.")
    try:
        chosen = load_catalogue().find_set(set_id)
        if config is not None:
            _subscribe_school(config, chosen)
        if output is not None:
            _subscribe_folder(ctx, output, chosen, folder)
    except ListError as failure:
        raise HallpassError(str(failure)) from None


def _subscribe_folder(ctx: click.Context, output: Path, chosen: CatalogueSet, folder: Path | None) -> None:
    wanted = sources_of(load_catalogue().find_lists([chosen.id]), folder)
    output.mkdir(parents=True, exist_ok=True)
    file = output / SOURCES_NAME
    add_to_sources_file(file, wanted.sources)
    _say(chosen)
    if chosen.openings:
        click.echo(f"Open by a rule, if you need it: {', '.join(chosen.openings)}", err=True)
    if wanted.missing:
        click.echo(f"not in {folder}, left out: {', '.join(wanted.missing)}", err=True)
    group = ctx.parent.command if ctx.parent else None
    if not isinstance(group, click.Group):
        raise HallpassError("this is a command of `hallpass lists`")
    ctx.invoke(group.commands["update"], sources=file, output=output)
    if wanted.missing:
        raise HallpassError(f"the index is built without {len(wanted.missing)} lists of the set")


def _subscribe_school(config: Path, chosen: CatalogueSet) -> None:
    central = open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            subscribed = subscribe_set(session, central.now(), chosen=chosen, by=BY)
        _say(chosen)
        _say_subscribed(subscribed)
        central.publisher.build_and_publish()
    except OSError as problem:
        raise HallpassError(f"the lists could not be published: {problem.strerror or problem}") from None
    finally:
        central.store.close()
    click.echo("Published: every room follows.")


def _say(chosen: CatalogueSet) -> None:
    click.echo(f"{chosen.name}: {chosen.about}", err=True)
    click.echo(f"What it lacks: {chosen.lacks}", err=True)


def _say_subscribed(subscribed: SubscribedSet) -> None:
    for what, names in (
        ("lists added", subscribed.sources),
        ("names opened by a rule", subscribed.openings),
        ("profiles added, without devices yet", subscribed.profiles),
    ):
        if names:
            click.echo(f"{what}: {', '.join(names)}", err=True)
