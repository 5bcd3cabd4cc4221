"""`hallpass central`: the school's central service, and what a technician does to it."""

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from appliance.central import enrolment, rooms, service
from appliance.certificates import require_usable_certificate
from appliance.commands.options import config_option, configure_logging
from appliance.errors import HallpassError
from appliance.ports import require_free_port
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.web_server import WebLimits, gunicorn_command

APP = "webui.central.app:create_app()"
THREADS = 16
MAX_CONNECTIONS = 8192
MAX_CONNECTIONS_PER_ADDRESS = 256  # a whole school may come from one address
MAX_STREAMS_PER_ADDRESS = 2048  # so may the rooms of a trust; only who is enrolled or signed in has any
MAX_BODY_BYTES = 65 * 1024 * 1024  # a list that is handed in, and what surrounds it


@click.group(invoke_without_command=True)
@config_option("central.toml")
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Run the central service: the coordinator's pages, and what rooms follow."""
    if ctx.invoked_subcommand is not None:
        return
    settings = load_settings(config, CentralSettings)
    configure_logging()
    service.open_central(settings).store.close()
    require_free_port(settings.central.listen)
    if settings.tls:
        require_usable_certificate(settings.tls)
    environment = os.environ | {"HALLPASS_CONFIG": str(config.absolute())}
    tls = (settings.tls.certificate, settings.tls.key) if settings.tls else None
    limits = WebLimits(
        max_connections=MAX_CONNECTIONS,
        max_connections_per_address=MAX_CONNECTIONS_PER_ADDRESS,
        max_streams_per_address=MAX_STREAMS_PER_ADDRESS,
        max_body_bytes=MAX_BODY_BYTES,
        trusted_proxies=tuple(str(network) for network in settings.central.trusted_proxies),
    )
    arguments = gunicorn_command(APP, settings.central.listen, threads=THREADS, tls=tls, limits=limits)
    os.execve(sys.executable, arguments, environment)  # noqa: S606 (we become the server)


@command.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="Where the token is written; left out: printed.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Where the bundle for the room's card is written.")
@config_option("central.toml")
def enrol(name: str, output: Path | None, bundle: Path | None, config: Path) -> None:
    """Enrol the room NAME, or give it a new token. The token is shown once, or stands in the bundle alone."""
    if output is not None and bundle is not None:
        raise click.UsageError("--output and --bundle exclude each other: the bundle holds the token.")
    settings = load_settings(config, CentralSettings)
    if bundle is not None:
        enrolment.make_enrolment_file(
            settings, room=name, token=rooms.PLACEHOLDER_TOKEN
        )  # what is missing is said before anything ends
    central = service.open_central(settings)
    path = output or bundle
    file = None if path is None else _new_secret_file(path)  # before the room's old token ends
    try:
        with central.store.write_session() as session:
            token = rooms.enrol_room(session, central.now(), name=name, by="command line")
    except BaseException:
        if path is not None:
            path.unlink()
        raise
    if file is None:
        click.echo(token)
        return
    with file:
        made = (
            enrolment.make_enrolment_file(settings, room=name, token=token).decode()
            if bundle is not None
            else f"{token}\n"
        )
        file.write(made)


def _new_secret_file(path: Path) -> TextIO:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise HallpassError(f"{path} exists already; remove it, or name another file") from None
    return os.fdopen(handle, "w")
