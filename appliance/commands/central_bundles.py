"""`hallpass central bundles`: what opens with a site of the school's."""

from pathlib import Path

import click

from appliance.central import site_bundles
from appliance.central.site_bundles import BundleChange
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json


@click.group("bundles", cls=AnsweringGroup)
def command() -> None:
    """Look at the school's own site bundles, and change them."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List the school's own bundles."""
    with open_session(config) as (_, session):
        found = site_bundles.list_bundles(session)
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.site}  {', '.join(one.names) or 'nothing else'}")


@command.command()
@click.argument("site")
@config_option("central.toml")
@json_option
def show(site: str, config: Path, *, as_json: bool) -> None:
    """Print what opens with SITE now, by the school's own bundle or by what Hallpass knows."""
    with open_session(config) as (_, session):
        is_own = site_bundles.find_bundle(session, site) is not None
        names = site_bundles.names_now(session, site)
    if as_json:
        print_json({"site": site, "is_own": is_own, "names": names})
        return
    for name in names:
        click.echo(name)


@command.command("set")
@click.argument("site")
@click.argument("names", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would open, and save nothing.")
@config_option("central.toml")
@json_option
def set_command(site: str, names: tuple[str, ...], config: Path, *, dry_run: bool, as_json: bool) -> None:
    """Let NAMES, and nothing else, open with SITE."""
    with open_session(config) as (central, session):
        looked = site_bundles.preview_bundle(session, central.preview, central.now(), site=site, names=names)
        done = ""
        if not dry_run:
            done = site_bundles.put_bundle(session, central.now(), site=site, names=names, by=BY)
    if as_json:
        print_json({"opens": looked, "change": done})
        return
    _print_change(looked)
    if not dry_run:
        say_change(done, f"saved: {looked.site}")


@command.command()
@click.argument("site")
@config_option("central.toml")
def remove(site: str, config: Path) -> None:
    """Remove the school's own bundle of SITE; what Hallpass knows of it holds again."""
    with open_session(config) as (central, session):
        done = site_bundles.remove_bundle(session, central.now(), site=site, by=BY)
    say_change(done, f"removed: {site}")


def _print_change(change: BundleChange) -> None:
    for one in change.names:
        state = "open already" if not one.preview.is_closed else "opens with the site"
        if one.preview.is_closed and not one.preview.would_open:
            state = f"stays closed: {one.preview.why_not}"
        click.echo(f"{one.name}{' (new)' if one.is_new else ''}: {state}")
    for words in change.last_week:
        click.echo(words)
    for name in change.no_longer:
        click.echo(f"{name}: no longer with it")
