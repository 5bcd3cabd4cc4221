"""`hallpass web`: the teacher's pages."""

import os
from functools import partial
from pathlib import Path

import click

from appliance.commands.options import config_option
from appliance.errors import HallpassError
from appliance.files import keep_files_private
from appliance.niceness import shorten_time_slice, step_aside_for_dns
from appliance.ports import require_free_port, with_ipv6
from appliance.room.capacity import standby_seconds
from appliance.room.page_certificate import HTTPS_TAKEN_VARIABLE
from appliance.room.paths import RoomPaths
from appliance.service_log import configure_logging
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import CertificateFiles, Endpoint
from appliance.web_certificate import WebCertificate
from appliance.web_server import StepsAside, WebLimits, gunicorn_arguments, run_server
from appliance.web_standby import StandsBy, take_awakened

APP = "webui.room.app:create_app()"
THREADS = 8
MAX_CONNECTIONS = 512
MAX_CONNECTIONS_PER_ADDRESS = 32  # each device has an address of its own; a browser opens six
MAX_STREAMS_PER_ADDRESS = 24  # open pages of a teacher
# Where processors are all busy, pages that stepped aside would be late again and again.
STEPS_ASIDE = StepsAside(after_seconds=30.0, most_load=os.cpu_count() or 1)


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the teacher's pages and the block page."""
    settings = load_settings(config, RoomSettings)
    awakened = take_awakened()
    if awakened is None:
        step_aside_for_dns()
    shorten_time_slice()
    configure_logging()
    keep_files_private(settings.room.data)
    os.environ["HALLPASS_CONFIG"] = str(config.absolute())
    if awakened is not None:
        run_server(awakened.arguments, awakened.sockets)
    else:
        run_server(_server_arguments(settings))


def _server_arguments(settings: RoomSettings) -> list[str]:
    """Return what the server is told. Raises HallpassError where its port cannot be had."""
    require_free_port(settings.web.listen)
    limits = WebLimits(
        max_connections=MAX_CONNECTIONS,
        max_connections_per_address=MAX_CONNECTIONS_PER_ADDRESS,
        max_streams_per_address=MAX_STREAMS_PER_ADDRESS,
        trusted_proxies=tuple(str(network) for network in settings.web.trusted_proxies),
    )
    serve = partial(
        gunicorn_arguments,
        threads=THREADS,
        limits=limits,
        steps_aside=STEPS_ASIDE,
        stands_by=_stands_by(settings),
    )
    tls, plain = settings.web.tls, with_ipv6(settings.web.listen)
    if tls is not None:
        require_free_port(tls.listen)
        if words := WebCertificate(tls).problem():  # the pages start all the same, and take it when it is there
            click.echo(f"web: the pages' certificate cannot be used: {words}", err=True)
        return serve(APP, with_ipv6(tls.listen), tls=(tls,), clear=plain)
    if (given := _port_for_centrals(settings)) is not None:
        path = RoomPaths.from_settings(settings).page_certificate
        files = CertificateFiles(certificate=path, key=path)
        return serve(APP, with_ipv6(given), tls=(files,), clear=plain)
    os.environ[HTTPS_TAKEN_VARIABLE] = "1"
    return serve(APP, plain)


def _stands_by(settings: RoomSettings) -> StandsBy | None:
    """Return when the pages stand by. Whoever asks DNS may be at a page next, and is written down."""
    seconds = standby_seconds(settings.web.standby_minutes)
    if seconds is None:
        return None
    paths = RoomPaths.from_settings(settings)
    written = (paths.query_log_journal, paths.query_log.with_name(f"{paths.query_log.name}-wal"))
    return StandsBy(after_seconds=seconds, signs_of_use=tuple(str(path.absolute()) for path in written))


def _port_for_centrals(settings: RoomSettings) -> Endpoint | None:
    """Return where a certificate of central's is served; None: nowhere, or the port is taken."""
    endpoint = settings.https_listen
    try:
        if endpoint is not None:
            require_free_port(endpoint)
    except HallpassError as problem:
        click.echo(f"web: the pages are served without HTTPS: {problem}", err=True)
        return None
    return endpoint
