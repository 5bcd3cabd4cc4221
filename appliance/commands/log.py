"""`hallpass log`: read a room's query log."""

import csv
import sys
from pathlib import Path

import click
import msgspec

from appliance.commands.options import config_option
from appliance.room.recorder.reading import Entry, QueryLog
from appliance.settings.load import load
from appliance.settings.room import RoomSettings


@click.group()
def command() -> None:
    """Read a room's query log. Devices appear as tokens."""


@command.command()
@config_option("room.toml")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def stats(config: Path, *, as_json: bool) -> None:
    """Count the answers given: in all, refused, and the rows that hold them."""
    found = _log(config).stats()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for name, value in msgspec.structs.asdict(found).items():
        click.echo(f"{name:8} {value if value is not None else '-'}")


@command.command()
@config_option("room.toml")
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.option("--format", "kind", type=click.Choice(["plain", "csv", "jsonl"]), default="plain", show_default=True)
def tail(config: Path, lines: int, kind: str) -> None:
    """Print the newest entries, the oldest of them first."""
    _print(_log(config).tail(lines), kind)


def _log(config: Path) -> QueryLog:
    return QueryLog.of(load(config, RoomSettings))


def _print(entries: list[Entry], kind: str) -> None:
    rows = [msgspec.structs.astuple(entry) for entry in entries]
    if kind == "jsonl":
        for entry in entries:
            click.echo(msgspec.json.encode(entry))
    elif kind == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(Entry.__struct_fields__)
        writer.writerows(rows)
    else:
        for entry in entries:
            times = f" {entry.count} times" if entry.count > 1 else ""
            why = f" ({entry.category}, {entry.source})" if entry.category else ""
            click.echo(f"{entry.time} {entry.device} {entry.verdict:9} {entry.type:5} {entry.name}{why}{times}")
