"""`hallpass doctor`: is this room well? On the Pi itself, or from across the network, one room or all of them."""

import logging
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from appliance.card.paths import CardPaths
from appliance.commands.options import find_config, json_option, print_json
from appliance.doctor import rooms
from appliance.doctor.check_result import CheckResult, ok, problem, run_check
from appliance.doctor.machine import MachineDoctor
from appliance.doctor.network import NetworkDoctor
from appliance.doctor.room import RoomDoctor
from appliance.doctor.rooms import RemoteRoom, RoomPorts, RoomReport
from appliance.room.addresses import outbound_addresses
from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings

_COLOURS = {"ok": "green", "problem": "red", "unknown": "bright_black"}
_MARKS = {"ok": "ok", "problem": "problem", "unknown": "-"}
_PORT = click.IntRange(1, 65535)


class _HostType(click.ParamType[str]):
    name = "host"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return rooms.read_host(value)
        except ValueError as mistake:
            self.fail(f"{mistake}.", param, ctx)


@click.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1, type=_HostType())
@click.option("--from-csv", "table", type=click.Path(path_type=Path),
              help="The rooms of a table: columns room and address, as the cards were made from.")  # fmt: skip
@click.option("--all", "everywhere", is_flag=True,
              help="Every room of central's list, on the machine that central runs on.")  # fmt: skip
@click.option("--network", is_flag=True,
              help="Look whether devices here can get past the filter; HOST is their room's address.")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path),
              help="The room's settings; on a card they are found. With --all: central's.")  # fmt: skip
@click.option("--domain", default="local", show_default=True,
              help="With --all: below which the rooms' host names stand.")  # fmt: skip
@click.option(
    "--port", type=_PORT, default=53, show_default=True, help="Across the network: where a room answers DNS."
)
@click.option("--web-port", type=_PORT, default=80, show_default=True, help="Where it serves its pages.")
@click.option("--tls-port", type=_PORT, default=853, show_default=True, help="Where it serves DNS over TLS.")
@click.option("--https-port", type=_PORT, default=443, show_default=True, help="Where it serves HTTPS.")
@json_option
def command(
    *,
    hosts: tuple[str, ...],
    table: Path | None,
    everywhere: bool,
    network: bool,
    config: Path | None,
    domain: str,
    port: int,
    web_port: int,
    tls_port: int,
    https_port: int,
    as_json: bool,
) -> None:
    """Look whether rooms are well: this machine's, or those at the addresses HOST.

    One line for each check, with what to do where something is wrong; for several rooms what is wrong with each,
    and a table. With --network, run on a device of a room, or on its Pi: which ways lead past the filter, each
    with the rule to write. Shows nothing of what anybody has asked for.

    Exits 0 where all is well, 1 where anything is wrong, 2 on wrong use.
    """
    _check_use(hosts, table, config, everywhere=everywhere, network=network)
    logging.disable(logging.WARNING)  # what matters is said as a finding
    if network:
        _report("this network", "", _check_network(hosts), as_json=as_json)
    ports = RoomPorts(port, web_port, tls_port, https_port)
    remote = [RemoteRoom(host, ports=ports) for host in hosts]
    of_central: tuple[CheckResult, ...] = ()
    if table is not None:
        remote += rooms.read_room_csv(table, ports)
    if everywhere:
        settings = load_settings(config or find_config("central.toml"), CentralSettings)
        remote += rooms.list_central_rooms(settings, domain, ports)
        of_central = rooms.check_central(settings)
    if remote == [] and everywhere:
        click.echo("central knows no room yet: hallpass central enrol NAME", err=True)
    if len(remote) > 1 or (everywhere or table is not None):
        _report_many(_check_many(remote), of_central, as_json=as_json)
    if remote:
        _report(remote[0].host, remote[0].host, rooms.check_remote_room(remote[0]), as_json=as_json)
    _report("this machine", "", _check_here(config), as_json=as_json)


def _report(room: str, host: str, findings: Iterable[CheckResult], *, as_json: bool) -> NoReturn:
    """Print what is found, as it comes, and leave with the exit status that it deserves."""
    report = RoomReport(room, host, tuple(findings if as_json else _print_results(findings)))
    if as_json:
        _print_json([report])
    sys.exit(1 if report.problems else 0)


def _report_many(reports: list[RoomReport], of_central: tuple[CheckResult, ...], *, as_json: bool) -> NoReturn:
    """Print what was found in rooms, and what is wrong at central, and leave as `_report` does."""
    central = RoomReport("central", "", of_central)
    if as_json:
        _print_json([*reports, central] if of_central else reports)
    else:
        list(_print_results(of_central))
        _print_summary(reports)
    sys.exit(1 if any(report.problems for report in [*reports, central]) else 0)


def _check_use(
    hosts: tuple[str, ...], table: Path | None, config: Path | None, *, everywhere: bool, network: bool
) -> None:
    if network and (everywhere or table is not None or len(hosts) > 1):
        raise click.UsageError("--network looks at one network: the one that this machine is in.")
    if config is not None and not everywhere and (hosts or table is not None):
        raise click.UsageError(
            "HOST, --from-csv and --config exclude each other: a room across the network has its own."
        )


def _check_network(hosts: tuple[str, ...]) -> Iterator[CheckResult]:
    is_card = CardPaths().release.exists()
    own = outbound_addresses()[:1] if is_card else ()
    for what, check in NetworkDoctor(*(hosts or own), is_room=is_card).checks():
        yield from run_check(what, check)


def _check_here(config: Path | None) -> Iterator[CheckResult]:
    path = config or find_config("room.toml")
    try:
        settings = load_settings(path, RoomSettings)
    except SettingsInvalid as invalid:
        for one in invalid.problems:
            yield problem("settings", f"{path}: {one}", "correct the file (docs/settings.md)")
        return
    yield ok("settings", str(path))
    doctor = RoomDoctor(settings)
    wrong: set[str] = set()
    for what, check in doctor.checks():
        for result in run_check(what, check):
            wrong |= {result.what} if result.state == "problem" else set()
            yield result
    yield from run_check("conditions", partial(doctor.check_said, wrong))
    for what, check in MachineDoctor(settings.room.data).checks():
        yield from run_check(what, check)


def _check_many(remote: list[RemoteRoom]) -> list[RoomReport]:
    """Look at rooms, with a bar where somebody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("looking at rooms"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(remote))
        return rooms.check_rooms(remote, lambda _report: progress.advance(task))


def _print_results(findings: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Print findings as they come, and hand them on."""
    for finding in findings:
        mark = click.style(f"{_MARKS[finding.state]:8}", fg=_COLOURS[finding.state])
        todo = f" -> {finding.todo}" if finding.todo else ""
        click.echo(f"{mark} {finding.what}: {finding.words}{todo}")
        yield finding


def _print_summary(reports: list[RoomReport]) -> None:
    for report in reports:
        if report.problems:
            click.echo(click.style(f"{report.room} ({report.host})", bold=True))
            list(_print_results(report.problems))
            click.echo()
    table = Table("room", "address", "is", "what is wrong", box=None, pad_edge=False)
    for report in reports:
        state = f"[red]{len(report.problems)} wrong[/]" if report.problems else "[green]well[/]"
        # Each kind of problem once: one that has no upstream shows it in several checks.
        what = ", ".join(dict.fromkeys(problem.what for problem in report.problems))
        table.add_row(escape(report.room), escape(report.host), state, escape(what))
    Console().print(table)
    ill = sum(bool(report.problems) for report in reports)
    click.echo(f"{len(reports)} rooms: {len(reports) - ill} well, {ill} with something wrong")


def _print_json(reports: list[RoomReport]) -> None:
    table = [
        {
            "room": report.room,
            "host": report.host,
            "state": "problem" if report.problems else "ok",
            "findings": report.findings,
        }
        for report in reports
    ]
    print_json(table)
