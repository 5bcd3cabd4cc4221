"""`hallpass central audit`: who did what, and whether anything of it was changed."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from sqlalchemy.orm import Session

from appliance.central import audit, audit_search, audit_verification, audit_witnesses, service
from appliance.central.audit_verification import Verification
from appliance.central.errors import CentralError
from appliance.commands.answers import AnsweringGroup
from appliance.commands.options import config_option, json_option, print_json
from appliance.files import read_regular_file
from appliance.message_check import check_message
from appliance.protocol import KeptHead, KeptHeads
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from dns.errors import DECODING_FAILED

EXIT_CHANGED = 3
EXIT_FORKED = 4
_DAYS = ["%Y-%m-%d"]


@click.group("audit", cls=AnsweringGroup)
def command() -> None:
    """Look at who did what, take it along, and prove that nothing of it was changed."""


def _filter_options(function: Any) -> Any:
    for option in (
        click.option("--person", default="", help="Only of this person, also where a room says that it was them."),
        click.option("--kind", default="", help="Only what begins so: approved, rule, signed in, ..."),
        click.option("--since", type=click.DateTime(_DAYS), help="Only from this day on."),
        click.option("--until", type=click.DateTime(_DAYS), help="Only before this day."),
        click.option("--words", default="", help="Only where these words stand in the detail."),
    ):
        function = option(function)
    return function


def _to_filter(central: service.Central, **asked: Any) -> audit_search.AuditFilter:
    zone = central.identity.current().zone
    for name in ("since", "until"):
        asked[name] = asked[name].replace(tzinfo=zone) if asked[name] else None
    return audit_search.AuditFilter(**asked)


@contextlib.contextmanager
def _open_reader(config: Path) -> Iterator[tuple[service.Central, Session]]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.read_session() as session:
            yield central, session
    finally:
        central.store.close()


@command.command("list")
@_filter_options
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@config_option("central.toml")
@json_option
def list_entries(config: Path, lines: int, *, as_json: bool, **asked: Any) -> None:
    """Print the newest entries, the newest first."""
    with _open_reader(config) as (central, session):
        found = audit_search.find_entries(session, _to_filter(central, **asked), limit=lines)
    if as_json:
        print_json(found.entries)
        return
    for one in found.entries:
        who = f"{one.room} says: {one.who}" if one.room else one.who
        at = f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        click.echo(f"{one.number:>7} {at} {who or '-':20} {one.what}: {one.detail}")


@command.command()
@_filter_options
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@json_option
@config_option("central.toml")
def export(config: Path, kind: str, *, as_json: bool, **asked: Any) -> None:
    """Print every entry that is meant, the oldest first, as CSV or as JSON lines. The audit notes that."""
    render = audit_search.render_json_lines if as_json or kind == "json" else audit_search.render_csv
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        wanted = _to_filter(central, **asked)
        with central.store.write_session(affects_rooms=False) as session:
            audit.record_audit(
                session, central.now(), audit.COMMAND_LINE, audit_search.EXPORTED, wanted.describe()
            )
        with central.store.read_session() as session:
            for line in render(audit_search.iterate_entries(session, wanted)):
                click.echo(line, nl=False)
    finally:
        central.store.close()


@command.command()
@click.option("--against", default="", metavar="ROOM|FILE", help="What a room has kept, or a file from the room.")
@config_option("central.toml")
@json_option
def verify(against: str, config: Path, *, as_json: bool) -> None:
    """Check every entry: whether any was altered, removed or inserted, and which first.

    Ends with 0 where all is whole, with 3 where something was changed, with 4 where only a restore from a backup
    has made entries disappear that a room knows, and with 1 where it could not be checked. FILE is what `hallpass
    agent audit-heads` prints in a room.
    """
    heads = _read_heads_file(Path(against)) if against and Path(against).is_file() else None
    with _open_reader(config) as (central, session):
        if heads is None:
            heads = audit_witnesses.list_kept_heads(session, against) if against else []
        with _progress() as progress:
            progress.add_task("the audit is checked", total=None)
            found = audit_verification.verify_store(central.store, heads)
    if as_json:
        print_json(found)
    else:
        _print_verification(found, against)
    sys.exit(EXIT_CHANGED if found.finding else EXIT_FORKED if found.forks else 0)


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip


def _print_verification(found: Verification, against: str) -> None:
    click.echo(f"{found.entries} entries; the newest is {found.head.number} ({found.head.hash})")
    if against:
        click.echo(f"compared with what {against} has kept: {found.compared} entries")
    for fork in found.forks:
        click.echo(
            f"fork: the database was put back from a backup on {fork.restored_at:%Y-%m-%d %H:%M} UTC (entry "
            f"{fork.first}); until {fork.kept_at:%Y-%m-%d %H:%M} UTC there were others, up to {fork.newest}"
        )
    if found.finding is not None:
        click.echo(f"entry {found.finding.number} was {found.finding.kind}: {found.finding.words}", err=True)
    elif not found.forks:
        click.echo("nothing was altered, removed or inserted")


def _read_heads_file(path: Path) -> list[KeptHead]:
    try:
        said = msgspec.json.decode(read_regular_file(path), type=KeptHeads)
        check_message(said)
    except (OSError, *DECODING_FAILED) as problem:
        raise CentralError(f"{path} is not what a room has kept: {problem}") from None
    return list(said.heads)
