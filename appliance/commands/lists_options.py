"""What the subcommands of `hallpass lists` share: options, progress bars, and failures in one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from appliance.errors import HallpassError
from blocklists import compiler
from blocklists.errors import ListError

FETCHED = "fetched"  # the folder for the copies of fetched lists, beside the index

SOURCES = click.argument("sources", type=click.Path(path_type=Path))
INDEX = click.argument("index", type=click.Path(path_type=Path))
INDEX_OPTION = click.option(
    "--index",
    type=click.Path(path_type=Path),
    default=Path("index"),
    show_default=True,
    help="The folder of the index.",
)
OUTPUT = click.option("--output", type=click.Path(path_type=Path), required=True, help="The folder for the index.")
REPORT = click.option("--report", is_flag=True, help="Show every line passed over, with file, line and reason.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@contextlib.contextmanager
def list_failures() -> Iterator[None]:
    """Turn a list's failure into the one line that a person is shown."""
    try:
        yield
    except ListError as failure:
        raise HallpassError(str(failure)) from None


@contextlib.contextmanager
def build_progress() -> Iterator[compiler.Progress]:
    """Give a function that shows how far a build is: bars on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield compiler.no_progress
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield show
