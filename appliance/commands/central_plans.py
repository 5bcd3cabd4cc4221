"""`hallpass central plans`: the school's own lesson plans, which every room shows."""

from pathlib import Path

import click

from appliance.central import lesson_plans
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json


@click.group("plans", cls=AnsweringGroup)
def command() -> None:
    """Look at the school's own lesson plans, and change them."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List the plans, each with its id."""
    with open_session(config) as (_, session):
        found = lesson_plans.list_plans(session)
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.id}  {one.title} ({one.minutes} minutes): {' '.join(one.links)}")


@command.command()
@click.argument("title")
@click.argument("links", nargs=-1, required=True)
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1), help="How long the lesson is.")
@click.option("--id", "plan_id", default="", help="Change the plan with this id instead of adding one.")
@click.option("--dry-run", is_flag=True, help="Say what its links come to, and save nothing.")
@config_option("central.toml")
def put(title: str, links: tuple[str, ...], minutes: int, plan_id: str, config: Path, *, dry_run: bool) -> None:
    """Add the plan TITLE with its LINKS, or (`--id`) change one."""
    with open_session(config) as (central, session):
        for one in lesson_plans.check_links(session, central.preview, links):
            closed = "closed, and cannot be opened" if not one.would_open else "closed for now"
            click.echo(f"{one.link}: {one.problem or (closed if one.is_closed else 'open')}")
        if dry_run:
            return
        done = lesson_plans.put_plan(
            session, central.now(), title=title, links=links, minutes=minutes, by=BY, plan_id=plan_id
        )
    say_change(done, f"saved: {title}")


@command.command()
@click.argument("plan_id", metavar="ID")
@config_option("central.toml")
def remove(plan_id: str, config: Path) -> None:
    """Remove the plan with this ID from every room."""
    with open_session(config) as (central, session):
        done = lesson_plans.remove_plan(session, central.now(), plan_id=plan_id, by=BY)
    say_change(done, f"removed: {plan_id}")
