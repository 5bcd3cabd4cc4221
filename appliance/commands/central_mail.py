"""`hallpass central mail`: to which addresses notices go, and whether they arrive."""

import sys
from pathlib import Path

import click

from appliance.central import mail_outbox, service
from appliance.central import notices as notices_of_requests
from appliance.commands.answers import AnsweringGroup
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


@click.group(cls=AnsweringGroup)
def mail() -> None:
    """Say where notices go, and see whether they arrive."""


@mail.command()
@click.argument("username")
@click.option("--each/--not-each", default=False, help="A mail for each new request.")
@click.option("--digest", type=click.Choice(notices_of_requests.DIGESTS), default="off", show_default=True)
@config_option("central.toml")
def notices(username: str, digest: notices_of_requests.Digest, config: Path, *, each: bool) -> None:
    """Choose which notices of requests the account USERNAME gets; both are off until somebody chooses."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.write_session(affects_rooms=False) as session:
        notices_of_requests.choose_notices(
            session, central.now(), username=username, on_request=each, digest=digest, by=BY
        )
    central.store.close()


@mail.command()
@click.argument("username")
@click.argument("address")
@config_option("central.toml")
def address(username: str, address: str, config: Path) -> None:
    """Send notices for the account USERNAME to ADDRESS; "" stops them."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session(affects_rooms=False) as session:
            mail_outbox.set_mail_address(session, central.now(), username=username, address=address, by=BY)
    finally:
        central.store.close()


@mail.command()
@config_option("central.toml")
@json_option
def status(config: Path, *, as_json: bool) -> None:
    """Say what waits, and what the mail server said last. Ends with 1 where mail has failed for half an hour."""
    settings = load_settings(config, CentralSettings)
    central = service.open_central(settings)
    with central.store.read_session() as session:
        found = mail_outbox.read_mail_status(session, central.now())
    central.store.close()
    if as_json:
        print_json(found)
    else:
        server = settings.mail
        click.echo(f"mail server: {f'{server.server} port {server.port}' if server else 'none is set'}")
        click.echo(
            f"waiting: {found.waiting}" + (f", since {found.oldest:%Y-%m-%d %H:%M} UTC" if found.oldest else "")
        )
        if found.last_sent:
            click.echo(f"last sent: {found.last_sent:%Y-%m-%d %H:%M} UTC")
        if found.error:
            click.echo(f"said last: {found.error}")
    sys.exit(1 if found.is_failing else 0)
