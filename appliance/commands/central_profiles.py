"""`hallpass central profiles`: what the devices of each group may see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.central import change_preview, profiles, undo
from appliance.central.change_preview import ProfileChange
from appliance.central.profile_settings import ProfileSettings, parse_settings, read_settings, to_builtins
from appliance.central.profiles import SavedChange
from appliance.central.ready_made_profiles import list_ready_made_profiles
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_anyway_option, json_option, print_json
from appliance.errors import HallpassError
from blocklists.categories import category_name
from dns.errors import DECODING_FAILED


@click.group("profiles", cls=AnsweringGroup)
def command() -> None:
    """Look at the profiles, make them and change them."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List the profiles, the default one first."""
    with open_session(config) as (_, session):
        found = profiles.list_profiles(session)
        settings = [read_settings(one) for one in found]
    if as_json:
        print_json(settings)
        return
    for row, one in zip(found, settings, strict=True):
        default = " (default)" if row.is_default else ""
        click.echo(
            f"{one.name}{default}  {len(one.closed)} categories closed, {len(one.timetable)} timetable rows"
        )


@command.command("ready-made")
@json_option
def ready_made(*, as_json: bool) -> None:
    """List the profiles that can be added in one step."""
    found = list_ready_made_profiles()
    if as_json:
        print_json([one.settings for one in found])
        return
    for one in found:
        click.echo(f"{one.settings.name}: {one.about}")


@command.command()
@click.argument("name")
@json_anyway_option
@config_option("central.toml")
def show(name: str, config: Path) -> None:
    """Print a profile as JSON: what `set` takes."""
    with open_session(config) as (_, session):
        settings = read_settings(profiles.get_profile(session, name))
    print_json(settings)


@command.command()
@click.argument("name")
@config_option("central.toml")
@json_option
def add(name: str, config: Path, *, as_json: bool) -> None:
    """Add the ready-made profile NAME."""
    found = [one.settings for one in list_ready_made_profiles() if one.settings.name == name]
    if not found:
        raise HallpassError(f"there is no ready-made profile {name!r}: see hallpass central profiles ready-made")
    with open_session(config) as (central, session):
        saved = profiles.add_profile(session, central.now(), settings=found[0], by=BY)
    _say(saved, f"added: {saved.settings.name}", as_json=as_json)


@command.command()
@click.argument("name")
@click.argument("new_name")
@config_option("central.toml")
@json_option
def copy(name: str, new_name: str, config: Path, *, as_json: bool) -> None:
    """Make the profile NEW_NAME, which says what NAME says."""
    with open_session(config) as (central, session):
        saved = profiles.copy_profile(session, central.now(), name=name, new_name=new_name, by=BY)
    _say(saved, f"added: {saved.settings.name}", as_json=as_json)


@command.command()
@click.argument("name")
@click.argument("new_name")
@config_option("central.toml")
@json_option
def rename(name: str, new_name: str, config: Path, *, as_json: bool) -> None:
    """Give the profile NAME the name NEW_NAME; its devices, timetable and openings go with it."""
    with open_session(config) as (central, session):
        settings = read_settings(profiles.get_profile(session, name))
        changed = msgspec.structs.replace(settings, name=new_name)
        saved = profiles.save_profile(session, central.now(), name=name, settings=changed, by=BY)
    _say(saved, f"renamed: {name} -> {saved.settings.name}", as_json=as_json)


@command.command()
@click.argument("name")
@config_option("central.toml")
@json_option
def remove(name: str, config: Path, *, as_json: bool) -> None:
    """Remove a profile that nothing uses."""
    with open_session(config) as (central, session):
        saved = profiles.remove_profile(session, central.now(), name=name, by=BY)
    _say(saved, f"removed: {name}", as_json=as_json)


@command.command()
@click.argument("name")
@config_option("central.toml")
def default(name: str, config: Path) -> None:
    """Let devices that nobody has named meet the profile NAME."""
    with open_session(config) as (central, session):
        profiles.set_default(session, central.now(), name=name, by=BY)
    add_to_answer(profile=name)
    click.echo(f"default: {name}")


@command.command("set")
@click.argument("name")
@click.option("--closed", help="The categories that it closes, with commas between them; * for every one.")
@click.option("--close", multiple=True, help="A category to close besides.")
@click.option("--open", "opens", multiple=True, help="A category to close no longer.")
@click.option("--safe-search/--no-safe-search", default=None, help="Whether search engines leave out what harms.")
@click.option("--youtube", type=click.Choice(("strict", "moderate", "off")), help="How much YouTube shows.")
@click.option(
    "--except-engine", "engines", multiple=True, help='A search engine that stays as it is; "" for none.'
)
@click.option("--keywords/--no-keywords", default=None, help="Whether words close unknown names.")
@click.option("--strip-ech/--no-strip-ech", default=None, help="Whether keys for encrypted names are taken out.")
@click.option("--refusal", type=click.Choice(("null", "nxdomain", "page")), help="What a refused site shows.")
@click.option("--from-file", type=click.File("rb"), help="A whole profile as JSON, as `show` prints it.")
@click.option("--dry-run", is_flag=True, help="Say what would be opened and closed, and save nothing.")
@config_option("central.toml")
@json_option
def set_command(name: str, config: Path, *, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Change the profile NAME: what is not named stays."""
    with open_session(config) as (central, session):
        current = read_settings(profiles.get_profile(session, name))
        wanted = _changed(current, options)
        change = change_preview.preview_profile(session, central.preview, central.now(), name=name, changed=wanted)
        if not dry_run:
            saved = profiles.save_profile(session, central.now(), name=name, settings=wanted, by=BY)
    if dry_run:
        print_json(change) if as_json else _print_change(change)
        return
    if not as_json:
        _print_change(change)
    _say(saved, f"saved: {saved.settings.name}", as_json=as_json)


@command.command("undo")
@click.argument("change")
@config_option("central.toml")
def undo_command(change: str, config: Path) -> None:
    """Undo a change of a profile, a timetable, the school's year or delegations, by the id that was printed."""
    with open_session(config) as (central, session):
        what = undo.undo_change(
            session, central.now(), change=change, by=BY, check_opening=central.preview.require_opening
        )
    with open_session(config) as (central, _):
        central.publisher.adopt_files()  # a list may have its file of before again
    click.echo(f"undone: {what} is as it was before")


def say_change(change: str, words: str) -> None:
    """Print what was done, and the id by which it is undone."""
    add_to_answer(change=change)
    hint = f"; undo with: hallpass central profiles undo {change}" if change else ": it was so already"
    click.echo(f"{words}{hint}")


def _say(saved: SavedChange, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"profile": to_builtins(saved.settings), "change": saved.change})
    else:
        say_change(saved.change, words)


def _changed(current: ProfileSettings, options: dict[str, Any]) -> ProfileSettings:
    """Return the settings that the options make of these. Raises HallpassError."""
    if options["from_file"] is not None:
        try:
            found = msgspec.json.decode(options["from_file"].read(), type=dict[str, Any])
        except DECODING_FAILED as problem:
            raise HallpassError(f"the file is no JSON object: {problem}") from None
        current = parse_settings(found)
    closed = _words(options["closed"].split(",")) if options["closed"] is not None else {*current.closed}
    engines = _words(options["engines"]) if options["engines"] else {*current.safe_search_except}
    given = {
        field: options[field]
        for field in ("safe_search", "youtube", "keywords", "strip_ech", "refusal")
        if options[field] is not None
    }
    return msgspec.structs.replace(
        current,
        closed=tuple(sorted((closed | {*options["close"]}) - {*options["opens"]})),
        safe_search_except=tuple(sorted(engines)),
        **given,
    )


def _words(found: Sequence[str]) -> set[str]:
    return {one.strip() for one in found if one.strip()}


def _print_change(change: ProfileChange) -> None:
    for what, found in (("opens", change.opened), ("closes", change.closed)):
        if found:
            click.echo(f"{what} {len(found)}: {', '.join(category_name(one) for one in found)}")
    for words in (*change.others, *change.last_week):
        click.echo(words)
    for site in change.sites:
        click.echo(f"{site.site}: {site.was} -> {site.becomes}. {site.why}")
