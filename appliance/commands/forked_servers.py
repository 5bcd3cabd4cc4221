"""How `hallpass central` and `hallpass trust` begin and serve: by copies of a process, that keeps them running."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec

from appliance.central import accounts, service
from appliance.central.folder_lock import folder_lock
from appliance.central.schema_migration import newest_migration
from appliance.central.store import Store
from appliance.commands.central_restart import restart_command
from appliance.files import keep_files_private
from appliance.forked_program import ForkedProgram, run_apart, supervise_copies
from appliance.processes import Program
from appliance.rights import Role
from appliance.settings.central import CentralSettings
from appliance.web_server import WebLimits, import_server

if TYPE_CHECKING:
    from appliance.web_process import WebProcess

THREADS = 16
PAGES_LIMITS = WebLimits(
    max_connections=8192,
    max_connections_per_address=256,  # a whole school may come from one address
    max_streams_per_address=2048,  # so may the rooms of a trust; only who is enrolled or signed in has any
    max_body_bytes=65 * 1024 * 1024,  # a list that is handed in, and what surrounds it
)
_WATCHDOG_SECONDS = 60.0


class ForkedServer(msgspec.Struct, frozen=True):
    """A server to be."""

    name: str  # among those that one process keeps running
    title: str  # what ps(1) and top(1) show
    arguments: Sequence[str]  # of gunicorn


def limits_of(settings: CentralSettings, limits: WebLimits) -> WebLimits:
    """Return a server's limits, with the proxies of the settings, which are believed about whom they speak for."""
    proxies = tuple(str(network) for network in settings.central.trusted_proxies)
    return msgspec.structs.replace(limits, trusted_proxies=proxies)


def prepare_database_apart(settings: CentralSettings) -> None:
    """Bring the database to today's tables, where it has others, in a process that ends with what that needed."""
    keep_files_private(settings.central.data)
    store = Store.from_settings(settings)
    is_prepared = store.is_migrated()
    store.close()
    if not is_prepared:
        run_apart(partial(_try_to_prepare_database, settings))


def _try_to_prepare_database(settings: CentralSettings) -> None:
    with contextlib.suppress(Exception):  # whoever opens it next meets the same, and says it
        service.open_central(settings).store.close()


@contextmanager
def hold_data(settings: CentralSettings, *, is_sqlite: bool) -> Iterator[Sequence[int]]:
    """Hold the data folder where nobody else may serve it; give the open files that hold it.

    Raises CentralError where another one does, or nobody can.
    """
    if not is_sqlite:
        yield ()
        return
    with folder_lock(settings.central.data) as lock:
        yield (lock,)


def say_who_may_sign_in(central: service.Central, config: Path, *, role: Role = "coordinator") -> None:
    """Say how the first account is made, where there is none: on this machine, and by nobody from the network."""
    with central.store.read_session() as session:
        if accounts.has_any_account(session):
            return
    what = "central" if role == "coordinator" else "trust"
    click.echo(
        f"{what}: nobody can sign in yet. Make the first account on this machine:\n"
        f"  hallpass account add NAME --role {role} --link --config {config}\n"
        f"and open the link that it prints; {central.settings.pages_url} then leads through the rest.",
        err=True,
    )


def serve_copies(
    title: str, config: Path, apps: Sequence[str], servers: Sequence[ForkedServer], kept: Sequence[int]
) -> NoReturn:
    """Serve until told to stop, by copies of this process, which imports what they need and runs nothing of it.

    Their sockets are open from then on, and stay so: who comes while a server is started again waits for it.
    `kept`: open files that stay open too.
    """
    os.environ["HALLPASS_CONFIG"] = str(config.absolute())
    import_server(*apps)
    supervise_copies(_programs(servers), (title, str(config)), kept)


def _programs(wanted: Sequence[ForkedServer]) -> tuple[ForkedProgram, ...]:
    from appliance.web_process import WebProcess  # noqa: PLC0415 (gunicorn; other commands serve nothing)

    servers = {one.name: WebProcess(one.arguments) for one in wanted}
    return tuple(
        ForkedProgram(
            partial(_serve_alone, servers, one.name),
            title=one.title,
            watchdog_seconds=_WATCHDOG_SECONDS,
            again=Program(
                one.name,
                restart_command(one.title, newest_migration(), servers[one.name].sockets(), one.arguments),
                _WATCHDOG_SECONDS,
                servers[one.name].sockets(),
            ),
        )
        for one in wanted
    )


def _serve_alone(servers: "Mapping[str, WebProcess]", name: str) -> None:
    for other in servers:
        if other != name:
            servers[other].close()
    servers[name].serve()
