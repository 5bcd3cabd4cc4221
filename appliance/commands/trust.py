"""`hallpass trust`: the service above the centrals of several schools, and what its administrator does.

Its settings are written as a central's (`trust.toml`), with the trust's name as `school`.
"""

from pathlib import Path

import click

from appliance.central import audit, service
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
from appliance.openapi import TRUST, render_interface
from appliance.ports import require_free_port
from appliance.service_log import configure_logging
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust.service import open_trust
from appliance.trust.state import create_trust
from appliance.web_server import gunicorn_arguments

APP = "webui.trust.app:create_app()"
SUBCOMMANDS = {
    "locks": "appliance.commands.trust_entries:locks",
    "numbers": "appliance.commands.trust_schools:numbers",
    "schools": "appliance.commands.trust_schools:schools",
    "shared": "appliance.commands.trust_entries:shared",
}


class _TrustCommandGroup(LazyCommandsGroup):
    import_paths = SUBCOMMANDS


@click.group(cls=_TrustCommandGroup, invoke_without_command=True)
@config_option("trust.toml")
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Run the service of a trust: its administrators' pages, and what the centrals of its schools follow."""
    if ctx.invoked_subcommand is not None:
        return
    settings = load_settings(config, CentralSettings)
    configure_logging()
    prepare_database_apart(settings)
    trust = open_trust(settings)
    is_sqlite = trust.store.is_sqlite
    trust.store.close()
    with hold_data(settings, is_sqlite=is_sqlite) as held:
        require_free_port(settings.central.listen)
        if settings.tls:
            require_usable_certificate(settings.tls)
        say_who_may_sign_in(trust.central, config, role="trust_administrator")
        trust.store.close()
        server = ForkedServer("trust", "trust", server_arguments(settings))
        serve_copies("trust", config, (APP,), (server,), held)


@command.command(cls=AnsweringCommand)
@config_option("trust.toml")
def init(config: Path) -> None:
    """Make the database of the settings a trust's. Once, before anything else."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            create_trust(session, central.now(), central.keys)
            audit.record_audit(session, central.now(), BY, "trust begun", central.settings.central.school)
    finally:
        central.store.close()
    click.echo(
        f"{central.settings.central.school} is a trust now. Next: hallpass trust schools add NAME, "
        f"hallpass trust schools invite NAME --output FILE, and hallpass trust to serve it."
    )


@command.command()
def openapi() -> None:
    """Print the description of what schools' centrals call, as an OpenAPI document."""
    click.echo(render_interface(TRUST), nl=False)


def server_arguments(settings: CentralSettings) -> list[str]:
    """Return the arguments of the server that the settings ask for."""
    return gunicorn_arguments(
        APP,
        settings.central.listen,
        threads=THREADS,
        tls=(settings.tls,) if settings.tls else (),
        limits=limits_of(settings, PAGES_LIMITS),
    )
