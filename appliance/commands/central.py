"""`hallpass central`: the school's central service, and what a technician does to it."""

from pathlib import Path
from types import MappingProxyType

import click
import msgspec

from appliance.central import epoch, service
from appliance.central.rooms_tls_files import FOLDER
from appliance.central.trust_database import find_trust
from appliance.certificates import require_usable_certificate
from appliance.commands.answers import AnsweringCommand
from appliance.commands.forked_servers import (
    PAGES_LIMITS,
    THREADS,
    ForkedServer,
    hold_data,
    limits_of,
    prepare_database_apart,
    say_who_may_sign_in,
    serve_copies,
)
from appliance.commands.lazy_group import LazyCommandsGroup
from appliance.commands.options import BY, config_option
from appliance.errors import HallpassError
from appliance.forked_program import run_apart
from appliance.openapi import render_interface
from appliance.ports import require_free_port
from appliance.service_log import configure_logging
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.web_certificate import WebCertificate
from appliance.web_server import gunicorn_arguments

PAGES_APP = "webui.central.app:create_app()"
ROOMS_APP = "webui.api.app:create_app()"
ROOMS_LIMITS = msgspec.structs.replace(PAGES_LIMITS, max_body_bytes=128 * 1024)  # half of it is refused in words


# A running central keeps for ever what this process has imported: none of these, and nothing that they alone want.
SUBCOMMANDS = {
    "audit": "appliance.commands.central_audit:command",
    "authority": "appliance.commands.central_authority:command",
    "backup": "appliance.commands.central_backup:make",
    "backup-verify": "appliance.commands.central_backup:verify",
    "bundles": "appliance.commands.central_bundles:command",
    "counts": "appliance.commands.central_counts:command",
    "delegations": "appliance.commands.central_delegations:command",
    "devices": "appliance.commands.central_devices:devices",
    "enrol": "appliance.commands.central_rooms:enrol",
    "incidents": "appliance.commands.central_incidents:incidents",
    "lists": "appliance.commands.central_lists:command",
    "lookups": "appliance.commands.central_lookups:command",
    "mail": "appliance.commands.central_mail:mail",
    "openings": "appliance.commands.central_openings:command",
    "pages": "appliance.commands.central_pages:command",
    "plans": "appliance.commands.central_plans:command",
    "profiles": "appliance.commands.central_profiles:command",
    "report": "appliance.commands.central_report:command",
    "reports": "appliance.commands.central_site_reports:command",
    "requests": "appliance.commands.central_requests:command",
    "restore": "appliance.commands.central_backup:restore",
    "room": "appliance.commands.central_rooms:room",
    "rules": "appliance.commands.central_rules:command",
    "script-keys": "appliance.commands.central_script_keys:command",
    "settings": "appliance.commands.central_settings:command",
    "signatures": "appliance.commands.central_signatures:command",
    "trust": "appliance.commands.central_trust:command",
    "timetable": "appliance.commands.central_timetable:command",
    "webhooks": "appliance.commands.central_webhooks:command",
}


class _CentralCommandGroup(LazyCommandsGroup):
    import_paths = SUBCOMMANDS
    former_names = MappingProxyType({"tokens": "script-keys"})  # in schools' own scripts


@click.group(
    cls=_CentralCommandGroup,
    invoke_without_command=True,
    epilog="A card was lost or stolen? Put a new one into the card reader: room new-card NAME DRIVE; step by step "
    "in docs/lost-card.md, and at central on the room's page.",
)
@config_option("central.toml")
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Run the central service: the coordinator's pages, and what rooms follow."""
    if ctx.invoked_subcommand is not None:
        return
    settings = load_settings(config, CentralSettings)
    configure_logging()
    prepare_database_apart(settings)
    central = service.open_central(settings)
    _require_school(central)
    if not central.rooms_tls.are_current():
        run_apart(central.rooms_tls.refresh)
        _say_if_rooms_stay_out(central)
    central.store.close()
    with hold_data(settings, is_sqlite=central.store.is_sqlite) as held:
        require_free_port(settings.central.listen)
        require_free_port(settings.central.rooms_endpoint, hint="; stop what holds it, or change rooms_listen")
        if settings.tls:
            require_usable_certificate(settings.tls)
        _look_at_page_certificate(settings)
        say_who_may_sign_in(central, config)  # once it is clear that it starts: else the reason stands alone
        for words in central.publisher.signer.list_conditions():
            click.echo(f"central: {words}", err=True)
        central.store.close()
        del central
        serve_copies("central", config, (ROOMS_APP, PAGES_APP), _servers(settings), held)


def _require_school(central: service.Central) -> None:
    with central.store.read_session() as session:
        is_trust = find_trust(session) is not None
    if is_trust:
        central.store.close()
        raise HallpassError("this is a trust's database: hallpass trust serves it")


def _say_if_rooms_stay_out(central: service.Central) -> None:
    if not central.rooms_tls.are_current():
        what = "what rooms with a key of their own are shown could not be renewed: they may stay out"
        click.echo(f"central: {what}; is {central.keys.path} there, and the right one?", err=True)


def _servers(settings: CentralSettings) -> tuple[ForkedServer, ...]:
    """Return the servers: pages and rooms have nothing in common but the database, and memory that none writes."""
    rooms_certificates = (settings.tls,) if settings.tls else ()
    plain = settings.central.tls.plain_listen if settings.central.tls else None
    return tuple(
        ForkedServer(
            name,
            f"central {name}",
            gunicorn_arguments(
                app,
                endpoint,
                threads=THREADS,
                tls=certificates,
                clear=clear,
                rooms_tls=settings.central.data / FOLDER,
                limits=limits_of(settings, limits),
            ),
        )
        for name, app, endpoint, certificates, clear, limits in (
            ("rooms", ROOMS_APP, settings.central.rooms_endpoint, rooms_certificates, None, ROOMS_LIMITS),
            ("pages", PAGES_APP, settings.central.listen, settings.page_certificates, plain, PAGES_LIMITS),
        )
    )


def _look_at_page_certificate(settings: CentralSettings) -> None:
    """Say what is wrong with the pages' certificate: rooms are served all the same, and pages once it is right."""
    tls = settings.central.tls
    if tls is None:
        return
    if tls.plain_listen is not None:
        require_free_port(tls.plain_listen, hint="; stop what holds it, or change [central.tls] plain_listen")
    if words := WebCertificate(tls).problem():
        click.echo(f"central: the pages' certificate cannot be used: {words}", err=True)


@command.command(cls=AnsweringCommand)
@config_option("central.toml")
def restored(config: Path) -> None:
    """Say that the database was put back from a backup in a way that cannot be noticed, such as a snapshot.

    A new epoch begins: every room looks at everything anew. Central may run meanwhile.
    """
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.write_session() as session:
        epoch.begin_epoch(session, central.now(), by=BY)
    revisions = central.store.revisions()
    central.epoch_file.remember(revisions.epoch, revisions.rooms)
    central.store.close()
    click.echo("A new epoch has begun: every room looks at everything anew.")


@command.command()
def openapi() -> None:
    """Print the description of the interface that rooms call, as an OpenAPI document."""
    click.echo(render_interface(), nl=False)
