"""`hallpass central settings`: what the school sets for all its rooms."""

from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.central import school_settings, settings_preview
from appliance.central.delegations import NeedsConfirmation
from appliance.central.school_settings_values import SchoolSettings, parse_settings, to_builtins
from appliance.central.settings_preview import SettingsChange
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_anyway_option, json_option, print_json
from appliance.errors import HallpassError
from dns.errors import DECODING_FAILED

_THRESHOLDS = ("many_refusals", "many_minutes", "bypass_names", "again_minutes")


@click.group("settings", cls=AnsweringGroup)
def command() -> None:
    """Look at what holds in every room of the school, and change it."""


@command.command()
@json_anyway_option
@config_option("central.toml")
def show(config: Path) -> None:
    """Print the settings as JSON: what `set` takes from a file."""
    with open_session(config) as (_, session):
        settings = school_settings.read_settings(session)
    print_json(settings)


@command.command("set")
@click.option("--name", "school", help="How the school is called.")
@click.option("--timezone", help="What the school's clock follows, such as Europe/London.")
@click.option("--lock", multiple=True, help="A category that nobody can open from now on.")
@click.option("--unlock", multiple=True, help="A category that may be opened again.")
@click.option(
    "--tunnels", type=click.Choice(("off", "report", "close")), help="What is done about hidden traffic."
)
@click.option("--many-refusals", type=int, help="So many refusals of one device are an incident.")
@click.option("--many-minutes", type=int, help="Within how many minutes they are counted.")
@click.option("--bypass-names", type=int, help="So many ways round the filter within an hour are an incident.")
@click.option("--again-minutes", type=int, help="After how many minutes the same is an incident again.")
@click.option("--button-pause-minutes", type=int, help="For how long a room's button pauses it; 0: it does not.")
@click.option("--private-name", "private", multiple=True, help="A server inside the school.")
@click.option("--no-private-name", "not_private", multiple=True, help="It is none any more.")
@click.option("--close-address", "close", multiple=True, help="ADDRESS, NETWORK or RANGE that no name leads to.")
@click.option("--open-address", "reopen", multiple=True, help="One that names may lead to again.")
@click.option("--category", default="", help="What the addresses of --close-address are counted as.")
@click.option("--note", default="", help="Why they are closed.")
@click.option("--from-file", type=click.File("rb"), help="Settings as JSON, as `show` prints them.")
@click.option("--confirm", is_flag=True, help="You were warned of what unlocking a category that harms means.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and save nothing.")
@config_option("central.toml")
@json_option
def set_command(config: Path, *, confirm: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Change what is named; the rest stays."""
    with open_session(config) as (central, session):
        wanted = _changed(school_settings.read_settings(session), options)
        change = settings_preview.preview_settings(session, central.preview, central.now(), changed=wanted)
        done = ""
        if not dry_run:
            try:
                done = school_settings.save_settings(
                    session, central.now(), changed=wanted, by=BY, confirmed=confirm
                )
            except NeedsConfirmation as problem:
                raise HallpassError(f"{problem}; if so, add --confirm") from None
    if as_json:
        print_json({"changes": msgspec.to_builtins(change), "change": done})
        return
    _print_change(change)
    if not dry_run:
        say_change(done, "saved")


def _changed(current: SchoolSettings, options: dict[str, Any]) -> SchoolSettings:
    """Return the settings that the options make of these. Raises HallpassError."""
    values = to_builtins(current)
    if options["from_file"] is not None:
        try:
            values |= msgspec.json.decode(options["from_file"].read(), type=dict[str, Any])
        except DECODING_FAILED as problem:
            raise HallpassError(f"the file is no JSON object: {problem}") from None
        values = to_builtins(parse_settings(values))
    values["locked_categories"] = sorted(
        ({*values["locked_categories"]} | {*options["lock"]}) - {*options["unlock"]}
    )
    values["private_names"] = [*values["private_names"], *options["private"]]
    values["private_names"] = [one for one in values["private_names"] if one not in options["not_private"]]
    values["closed_addresses"] = [
        *(
            one
            for one in values["closed_addresses"]
            if one["network"] not in (*options["reopen"], *options["close"])
        ),
        *({"network": one, "category": options["category"], "note": options["note"]} for one in options["close"]),
    ]
    for name in ("school", "timezone", "tunnels", "button_pause_minutes"):
        if options[name] is not None:
            values[name] = options[name]
    if not values["school"] or not values["timezone"]:
        raise HallpassError("a school has a name and a time zone")
    given = {name: options[name] for name in _THRESHOLDS if options[name] is not None}
    values["incidents"] = values["incidents"] | given
    return parse_settings(values)


def _print_change(change: SettingsChange) -> None:
    for words in (*change.words, *change.last_week):
        click.echo(words)
    for site in change.closing:
        click.echo(f"open for now, and closed at once: {site}")
    for group in change.groups:
        for one in group.sites:
            click.echo(f"{group.group}: {one.site}: {one.was} -> {one.becomes}. {one.why}")
    if change.warning:
        click.echo(f"warning: {change.warning}")
