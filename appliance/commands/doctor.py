"""`hallpass doctor`: is this room well? On the Pi itself, or from across the network."""

import logging
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import click

from appliance.doctor import resolution
from appliance.doctor.check_result import Check, CheckResult, ok, problem, run_check
from appliance.doctor.machine import MachineDoctor
from appliance.doctor.room import RoomDoctor
from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings

ON_A_CARD = Path("/run/hallpass/room.toml")

_COLOURS = {"ok": "green", "problem": "red", "unknown": "bright_black"}
_MARKS = {"ok": "ok", "problem": "problem", "unknown": "-"}


@click.command()
@click.argument("host", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="The room's settings; on a card they are found.")
@click.option("--port", default=53, show_default=True, help="With HOST: where it answers DNS.")
@click.option("--web-port", default=80, show_default=True, help="With HOST: where it serves its pages.")
def command(*, host: str | None, config: Path | None, port: int, web_port: int) -> None:
    """Look whether a room is well: this machine's, or the one at the address HOST.

    One line for each check, with what to do where something is wrong. Exits 1 where anything is. Shows nothing of
    what anybody has asked for.
    """
    if host is not None and config is not None:
        raise click.UsageError("HOST and --config exclude each other: a room across the network has its own.")
    logging.disable(logging.WARNING)  # what matters is said as a finding
    findings = _check_remote(host, port, web_port) if host is not None else _check_here(config)
    sys.exit(1 if _print_results(findings) else 0)


def _check_remote(host: str, port: int, web_port: int) -> Iterator[CheckResult]:
    yield from run_check("DNS", partial(resolution.check_resolution, host, port))
    yield from run_check("pages", partial(resolution.check_pages, host, web_port))


def _check_here(config: Path | None) -> Iterator[CheckResult]:
    path = config or (ON_A_CARD if ON_A_CARD.exists() else Path("room.toml"))
    try:
        settings = load_settings(path, RoomSettings)
    except SettingsInvalid as invalid:
        for one in invalid.problems:
            yield problem("settings", f"{path}: {one}", "correct the file (docs/settings.md)")
        return
    yield ok("settings", str(path))
    checks: tuple[tuple[str, Check], ...] = (
        *RoomDoctor(settings).checks(),
        *MachineDoctor(settings.room.data).checks(),
    )
    for what, check in checks:
        yield from run_check(what, check)


def _print_results(findings: Iterable[CheckResult]) -> bool:
    """Print findings as they come; tell whether one of them is a problem."""
    any_problem = False
    for finding in findings:
        any_problem = any_problem or finding.state == "problem"
        mark = click.style(f"{_MARKS[finding.state]:8}", fg=_COLOURS[finding.state])
        todo = f" -> {finding.todo}" if finding.todo else ""
        click.echo(f"{mark} {finding.what}: {finding.words}{todo}")
    return any_problem
