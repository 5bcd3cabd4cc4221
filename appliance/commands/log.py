"""`hallpass log`: read a room's query log, and delete from it with proof."""

import csv
import io
import os
import pwd
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.commands.options import config_option
from appliance.files import keep_files_private, write_private_file
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.room.query_log.columns import LOG_FIELDS, QueryLogEntry, describe_entry, shown_names, shown_values
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.offline_control import handle_without_service
from appliance.room.query_log.reader import QueryLogReader, RankedColumn
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.spreadsheets import safe_cell

PATIENCE_SECONDS = 120.0  # somebody who waits at a terminal, not a page
FORMATS = ("plain", "csv", "jsonl")
SHOWN_DELETIONS = 20

_SPANS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}

F = TypeVar("F", bound=Callable[..., object])


def parse_time(text: str) -> datetime:
    """Read a time as people type it: `2026-11-24`, `2026-11-24T10:30`, or how long ago: `30m`, `2h`, `7d`.

    Times without a zone are this machine's.
    """
    if text[:-1].isdigit() and text[-1:] in _SPANS:
        return datetime.now(UTC) - timedelta(seconds=int(text[:-1]) * _SPANS[text[-1]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time; write 2026-11-24, 2026-11-24T10:30, or 30m, 2h, 7d for how long ago."
        ) from None


def format_option(function: F) -> F:
    """Add the option `--format`, and `--json` as with every other command that lists something."""
    json_alias = click.option("--json", "kind", flag_value="jsonl", help="The same as --format jsonl.")
    return click.option(
        "--format",
        "kind",
        type=click.Choice(FORMATS),
        default="plain",
        show_default=True,
        help="How it is printed.",
    )(json_alias(function))


@click.group()
def command() -> None:
    """Read a room's query log. Devices appear as tokens."""


@command.command()
@config_option("room.toml")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--since", type=parse_time, metavar="TIME", help="Only from then on: 2026-11-24, or 2h, 7d ago.")
@click.option("--top", type=click.IntRange(0, 1000), help="How many names, categories, devices, groups.")
@click.option("--refused", "refused_only", is_flag=True, help="Rank only what was refused or rewritten.")
def stats(config: Path, *, as_json: bool, since: datetime | None, top: int | None, refused_only: bool) -> None:
    """Count the answers given; the top names, categories and devices; the hours."""
    found = _log(config)
    numbers = msgspec.structs.asdict(found.read_stats(since))
    how_many = (0 if as_json else 5) if top is None else top  # ranking a full log takes a while
    kinds: tuple[RankedColumn, ...] = ("names", "categories", "devices", "groups")
    tops = {
        kind: [{"what": what, "answers": answers} for what, answers in ranked]
        for kind in kinds
        if (
            ranked := found.read_top(kind, since=since, blocked_only=refused_only, limit=how_many)
            if how_many
            else []
        )
    }
    day = since or datetime.now(UTC) - timedelta(days=1)
    hours = [
        {"hour": hour, "answers": answers, "refused": refused}
        for hour, answers, refused in found.read_by_hour(day)
    ]
    lost = [msgspec.structs.asdict(one) for one in found.read_deletions()]
    if as_json:
        click.echo(msgspec.json.encode({**numbers, "top": tops, "hours": hours, "deleted": lost}))
        return
    for name, value in numbers.items():
        click.echo(f"{name:8} {value if value is not None else '-'}")
    for kind, listed in tops.items():
        _table(kind, ("what", "answers"), ([one["what"] or "(not named)", one["answers"]] for one in listed))
    _table("hours", ("hour", "answers", "refused"), (list(one.values()) for one in hours))
    shown = lost[:SHOWN_DELETIONS]  # there is a line for every day
    _table("deleted or lost", ("time", "what", "who", "reason", "rows"), (list(one.values())[:5] for one in shown))


@command.command()
@config_option("room.toml")
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@format_option
def tail(config: Path, lines: int, kind: str) -> None:
    """Print the newest entries, the oldest of them first."""
    _print(_log(config).read_tail(lines), kind)


@command.command()
@config_option("room.toml")
@click.argument("name", default="")
@click.option("--device", default="", help="Only this device's token.")
@click.option("--verdict", type=click.Choice(["allowed", "refused", "rewritten", "failed"]), help="Only these.")
@click.option("--category", default="", help="Only this category.")
@click.option("--type", "qtype", default="", help="Only this record type: A, AAAA, HTTPS, ...")
@click.option("--since", type=parse_time, metavar="TIME", help="Only from then on: 2026-11-24, or 2h, 7d ago.")
@click.option("--until", type=parse_time, metavar="TIME", help="Only before then.")
@click.option("-n", "--lines", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="How many.")
@format_option
def search(
    config: Path, *, name: str, device: str, verdict: str | None, category: str, qtype: str,
    since: datetime | None, until: datetime | None, lines: int, kind: str,
) -> None:  # fmt: skip
    """Print the newest entries whose name contains NAME, and for which every option holds."""
    wanted = QueryLogFilter(
        name=name, device=device, verdict=verdict or "", category=category, type=qtype, since=since, until=until
    )
    _print(_log(config).search_entries(wanted, lines), kind)


@command.command()
@config_option("room.toml")
@click.option("--device", required=True, help="The device's token, as the log shows it.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; otherwise it is printed.")
def export(config: Path, device: str, output: Path | None) -> None:
    """Give out everything that is held about one device, as one JSON object."""
    found = _log(config)
    held = {
        "device": device,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "queries": [
            describe_entry(entry, LOG_FIELDS)
            for entry in found.search_entries(QueryLogFilter(device=device), limit=None)
        ],
        "look_ups": found.read_lookups(device),
        "incidents": found.read_incidents(device),
    }
    text = msgspec.json.format(msgspec.json.encode(held), indent=2)
    if output is None:
        click.echo(text)
    else:
        write_private_file(output, text + b"\n")
        click.echo(f"{output}: everything held about {device}", err=True)


@command.command()
@config_option("room.toml")
@click.option("--device", default="", help="Only this device's token.")
@click.option("--before", type=parse_time, metavar="TIME", help="Only what is older: 2026-11-24, or 7d.")
@click.option("--everything", is_flag=True, help="All rows.")
@click.option("--reason", required=True, help="Why; it stands in the proof.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(config: Path, *, device: str, before: datetime | None, everything: bool, reason: str, yes: bool) -> None:
    """Delete rows for good. What, when, by whom, why and how many stays written down."""
    if everything == bool(device or before):
        raise click.UsageError("say what is to go: --device, --before, or --everything alone.")
    if not yes:
        click.confirm("These rows cannot be brought back. Delete them?", abort=True)
    who = pwd.getpwuid(os.getuid()).pw_name
    request = control.PurgeRequest(
        who=who, reason=reason, device=device, before=int(before.timestamp()) if before is not None else None
    )
    gone = _ask_recorder(config, request)
    click.echo(f"{gone.rows} rows ({gone.answers} answers) were deleted")


@command.command()
@config_option("room.toml")
@click.option("--device", required=True, help="The device's token, as the log shows it.")
@click.option("--reason", required=True, help="Why; it is written down beside your name.")
def who(config: Path, device: str, reason: str) -> None:
    """Say which address a token stands for. Who asked, when and why is written down first."""
    user = pwd.getpwuid(os.getuid()).pw_name
    answer = _ask_recorder(config, control.LookupRequest(token=device, who=user, reason=reason))
    click.echo(answer.address or "this room does not know that device")


def _ask_recorder(config: Path, question: control.ControlRequest) -> control.ControlResponse:
    settings = load_settings(config, RoomSettings)
    keep_files_private(settings.room.data)  # without a recorder it is this process that writes
    try:
        return control.send_control_request(RoomPaths.from_settings(settings).query_log_control_socket, question)
    except control.QueryLogUnavailable:
        return handle_without_service(settings, question)


def _log(config: Path) -> QueryLogReader:
    return QueryLogReader.from_settings(load_settings(config, RoomSettings), time_limit=PATIENCE_SECONDS)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    filled = [[str(value) for value in row] for row in rows]
    if not filled:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in {"answers", "refused", "rows"} else "left")
    for row in filled:
        table.add_row(*map(Text, row))  # a name may look like the library's marks
    Console().print("", table)


def _print(entries: list[QueryLogEntry], kind: str) -> None:
    if kind == "jsonl":
        for entry in entries:
            click.echo(msgspec.json.encode(describe_entry(entry, LOG_FIELDS)))
    elif kind == "csv":
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(shown_names(LOG_FIELDS))
        for entry in entries:
            values = shown_values(entry, LOG_FIELDS)
            writer.writerow([safe_cell(value) if isinstance(value, str) else value for value in values])
        click.echo(lines.getvalue(), nl=False)
    else:
        for entry in entries:
            times = f" {entry.count} times" if entry.count > 1 else ""
            why = f" ({entry.category}, {entry.source})" if entry.category else ""
            click.echo(f"{entry.time} {entry.device} {entry.verdict:9} {entry.type:5} {entry.name}{why}{times}")
