"""`hallpass central lists`: the lists that the school subscribes to, and how each is used."""

from pathlib import Path
from typing import Any

import click

from appliance.central import audit
from appliance.central.lists import copies, handed_in, set_subscription, source_use, sources
from appliance.central.lists.handed_in import Replacement
from appliance.central.models import SourceRow
from appliance.central.service import Central, open_central
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from blocklists.catalogue import load_catalogue
from blocklists.errors import ListError

_SHOWN = 20  # names of a difference
_LATER = click.option("--later", is_flag=True, help="Leave putting the lists together to central.")


@click.group("lists", cls=AnsweringGroup)
def command() -> None:
    """Look at the school's lists, and change them."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List what the school subscribes to."""
    with open_session(config) as (_, session):
        found = sources.list_sources(session)
        shown = [_shown(one) for one in found]
    if as_json:
        print_json(shown)
        return
    for one in shown:
        wide = ", may close whole endings" if one["allow_wide"] else ""
        click.echo(f"{one['name']}  {one['action']} {one['category']}{wide}  {one['location']}")


@command.command()
@click.argument("name")
@click.argument("location")
@click.option("--category", required=True, help='What its names are; "all" for a list that opens whatever closes.')
@click.option("--format", "list_format", default="auto", show_default=True, help="How it is written.")
@click.option("--match", default="", help="What a name alone means: exact, subdomains, below.")
@click.option(
    "--action", type=click.Choice(("block", "allow")), default="block", help="Whether it closes or opens."
)
@click.option("--allow-wide/--no-allow-wide", default=None, help="Whether it may close whole endings.")
@_LATER
@config_option("central.toml")
def add(name: str, location: str, config: Path, *, list_format: str, later: bool, **fields: Any) -> None:
    """Subscribe to the list at LOCATION, an https address or a file, as NAME."""
    with open_session(config) as (central, session):
        if "://" not in location:
            location = str(_keep_file(central, Path(location), list_format))
        sources.subscribe_source(
            session, central.now(), name=name, location=location, format=list_format, by=BY, **fields
        )
    add_to_answer(list=name)
    click.echo(f"added: {name}")
    _publish(config, later=later)


@command.command("use")
@click.argument("name")
@click.option("--action", type=click.Choice(("block", "allow")), help="Whether it closes or opens.")
@click.option("--allow-wide/--no-allow-wide", default=None, help="Whether it may close whole endings.")
@click.option("--dry-run", is_flag=True, help="Say what it would mean, and save nothing.")
@_LATER
@config_option("central.toml")
def use_command(
    name: str, action: str | None, config: Path, *, allow_wide: bool | None, dry_run: bool, later: bool
) -> None:
    """Let the list NAME close or open, and close whole endings or not; what is not named stays."""
    with open_session(config) as (central, session):
        row = sources.find_source(session, name)
        use = source_use.read_use(row)
        use = source_use.parse_use(action or use.action, use.allow_wide if allow_wide is None else allow_wide)
        source_use.check_use(row, use)
        for words in source_use.use_words(row, use):
            click.echo(words)
        if dry_run:
            return
        done = source_use.set_use(session, central.now(), source_id=row.id, use=use, by=BY)
    say_change(done, f"saved: {name}")
    _publish(config, later=later)


@command.command("built-in")
@click.argument("state", type=click.Choice(("on", "off")))
@click.option("--dry-run", is_flag=True, help="Say what it would mean, and save nothing.")
@_LATER
@config_option("central.toml")
def builtin(state: str, config: Path, *, dry_run: bool, later: bool) -> None:
    """Use the list that Hallpass brings (on), or use it no longer (off)."""
    with open_session(config) as (central, session):
        for words in source_use.builtin_words(session, is_used=state == "on"):
            click.echo(words)
        if dry_run:
            return
        done = source_use.set_builtin_list(session, central.now(), is_used=state == "on", by=BY)
    say_change(done, f"starter list: {state}")
    _publish(config, later=later)


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and save nothing.")
@_LATER
@config_option("central.toml")
def replace(name: str, file: Path, config: Path, *, dry_run: bool, later: bool) -> None:
    """Replace the file of the list NAME, which was handed in, by FILE, and say what changes."""
    with open_session(config) as (central, session):
        folder = central.settings.central.handed_in_folder
        row = sources.find_source(session, name)
    looked = handed_in.look_at_replacement(folder, row, _read_file(file))  # others may write meanwhile
    _say_replacement(looked)
    if dry_run:
        return
    with open_session(config) as (central, session):
        done = handed_in.replace_file(
            session, central.now(), folder, source_id=row.id, stored=looked.stored, before=looked.before, by=BY
        )
    say_change(done, f"replaced: {name}")
    if done:
        _publish(config, later=later, is_replaced=True)


@command.command()
@click.argument("name")
@_LATER
@config_option("central.toml")
def remove(name: str, config: Path, *, later: bool) -> None:
    """Subscribe to the list NAME no longer."""
    with open_session(config) as (central, session):
        row = sources.find_source(session, name)
        change = sources.unsubscribe_source(session, central.now(), source_id=row.id, by=BY)
    say_change(change, f"removed: {name}")
    _publish(config, later=later)


@command.command()
@json_option
def sets(*, as_json: bool) -> None:
    """List the ready-made sets of lists, openings and profiles."""
    found = load_catalogue().sets
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.id}  {one.name}: {one.about}")


@command.command("add-set")
@click.argument("set_id", metavar="SET")
@_LATER
@config_option("central.toml")
def add_set(set_id: str, config: Path, *, later: bool) -> None:
    """Add the ready-made SET; what is there stays."""
    try:
        chosen = load_catalogue().find_set(set_id)
    except ListError as problem:
        raise HallpassError(str(problem)) from None
    with open_session(config) as (central, session):
        added = set_subscription.subscribe_set(session, central.now(), chosen=chosen, by=BY)
    add_to_answer(lists=added.sources, openings=added.openings, profiles=added.profiles)
    for what, names in (("list", added.sources), ("opening", added.openings), ("profile", added.profiles)):
        for name in names:
            click.echo(f"added: the {what} {name}")
    _publish(config, later=later)


@command.command()
@click.argument("name")
@_LATER
@config_option("central.toml")
def accept(name: str, config: Path, *, later: bool) -> None:
    """Take into use a new copy of the list NAME that waits for you, as it changes so much."""
    with open_session(config) as (central, session):
        source = sources.find_source(session, name)
        central.publisher.accept_download(source)
        audit.record_audit(session, central.now(), BY, "download accepted", source.name)
    _publish(config, later=later)


@command.command()
@click.argument("name")
@config_option("central.toml")
def refuse(name: str, config: Path) -> None:
    """Keep the copy of the list NAME that is in use; the one that waits is not shown again."""
    with open_session(config) as (central, session):
        source = sources.find_source(session, name)
        central.publisher.refuse_download(source)
        audit.record_audit(session, central.now(), BY, "download refused", source.name)
    click.echo(f"kept: {name}")


def _shown(row: SourceRow) -> dict[str, object]:
    use = source_use.read_use(row)
    return {
        "name": row.name,
        "category": row.category,
        "location": row.location,
        "format": row.format,
        "match": row.match,
        "action": use.action,
        "allow_wide": copies.is_wide(row.location, use.allow_wide),
        "report": row.report,
    }


def _keep_file(central: Central, path: Path, list_format: str) -> Path:
    return handed_in.store_file(central.settings.central.handed_in_folder, _read_file(path), list_format)


def _read_file(path: Path) -> bytes:
    try:
        return read_regular_file(path, handed_in.MAX_UPLOAD_BYTES)
    except OSError as problem:
        raise HallpassError(f"{path}: {problem.strerror or problem}") from None


def _say_replacement(looked: Replacement) -> None:
    found = looked.found
    click.echo(f"{found.entries_before:,} names now, {found.survey.entries:,} with the new file")
    for what, count, first in (
        ("added", found.difference.added, found.difference.first_added),
        ("removed", found.difference.removed, found.difference.first_removed),
    ):
        more = f" … and {count - _SHOWN:,} more" if count > _SHOWN else ""
        click.echo(f"{count:,} {what}" + (f": {' '.join(first[:_SHOWN])}{more}" if first else ""))
    if found.doubt:
        click.echo(f"please look: the new file {found.doubt}")


def _publish(config: Path, *, later: bool, is_replaced: bool = False) -> None:
    central = open_central(load_settings(config, CentralSettings))
    try:
        if is_replaced:
            central.publisher.adopt_files()
        if later:
            click.echo(
                "Central puts it to use when it puts the lists together next, twice a day or when you tell it to."
            )
            return
        central.publisher.build_and_publish()
    except ListError as problem:
        raise HallpassError(f"the lists could not be put together: {problem}") from None
    except OSError as problem:
        raise HallpassError(f"the lists could not be published: {problem.strerror or problem}") from None
    finally:
        central.store.close()
    click.echo("Published: every room follows.")
