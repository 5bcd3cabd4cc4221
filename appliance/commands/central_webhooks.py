"""`hallpass central webhooks`: which other services are told of news, and whether that works."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from appliance.central import webhooks
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json

_ID = click.IntRange(1, 2**31 - 1)


class ListedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, as it is printed; its secret is printed once, when it is added."""

    id: int
    url: str
    events: list[str]
    is_inside: bool
    failures: int
    put_aside_at: datetime | None
    last_error: str


@click.group("webhooks", cls=AnsweringGroup)
def command() -> None:
    """Say which other services are told of news, and look whether that works."""


@command.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, required=True, type=click.Choice(list(webhooks.EVENTS)))
@click.option("--inside", is_flag=True, help="The address is inside the school's network, or on this machine.")
@config_option("central.toml")
def add(config: Path, url: str, events: tuple[str, ...], *, inside: bool) -> None:
    """Tell an address of news, and print its secret: nobody can look it up later."""
    with open_session(config) as (central, session):
        secret = webhooks.add_webhook(
            session, central.now(), central.keys, url=url, events=events, is_inside=inside, by=BY
        )
    add_to_answer(secret=secret)
    click.echo(secret)


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print the addresses that are told."""
    with open_session(config) as (_central, session):
        listed = []
        for row in webhooks.list_webhooks(session):
            deliveries = webhooks.list_deliveries(session, row.id, 1)
            listed.append(
                ListedWebhook(
                    id=row.id, url=row.url, events=row.events, is_inside=row.is_inside, failures=row.failures,
                    put_aside_at=row.put_aside_at, last_error=deliveries[0].error if deliveries else "",
                )
            )  # fmt: skip
    if as_json:
        print_json(listed)
        return
    for one in listed:
        state = "put aside" if one.put_aside_at else f"failed {one.failures} times" if one.failures else "works"
        click.echo(f"{one.id}  {one.url}  {', '.join(one.events)}  {state}  {one.last_error}".rstrip())


@command.command()
@click.argument("webhook_id", type=_ID)
@config_option("central.toml")
def test(config: Path, webhook_id: int) -> None:
    """Have an address told that this is a test; `list` says what came of it."""
    with open_session(config) as (central, session):
        row = webhooks.enqueue_test(session, central.now(), webhook_id=webhook_id)
        click.echo(f"A test is on its way to {row.url}.")


@command.command()
@click.argument("webhook_id", type=_ID)
@config_option("central.toml")
def resume(config: Path, webhook_id: int) -> None:
    """Tell an address again that was put aside."""
    with open_session(config) as (central, session):
        click.echo(
            f"{webhooks.resume_webhook(session, central.now(), webhook_id=webhook_id, by=BY).url} is told again."
        )


@command.command()
@click.argument("webhook_id", type=_ID)
@config_option("central.toml")
def remove(config: Path, webhook_id: int) -> None:
    """Tell an address no more."""
    with open_session(config) as (central, session):
        url = webhooks.get_webhook(session, webhook_id).url
        change = webhooks.remove_webhook(session, central.now(), webhook_id=webhook_id, by=BY)
    say_change(change, f"{url} is told no more")
