"""`hallpass lists`: compile lists, look into an index, see what changed."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from appliance.errors import HallpassError
from blocklists import compile as compiling
from blocklists.errors import ListError
from blocklists.export import closed_names
from blocklists.index import open_index
from blocklists.sources import load

SOURCES = click.argument("sources", type=click.Path(path_type=Path))
INDEX = click.argument("index", type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Compile, search and export lists."""


@command.command()
@SOURCES
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The folder for the index.")
@click.option("--report", is_flag=True, help="Show every line that was passed over, with file, line and reason.")
def build(sources: Path, output: Path, report: bool) -> None:  # noqa: FBT001 (click passes options by name)
    """Compile a sources file into an index."""
    with failures(), progress() as show:
        built = compiling.build(load(sources), output, show)
    click.echo(f"{built.names} names in {output} (version {built.version})")
    for source in built.sources:
        passed = sum(source.passed_over.values())
        click.echo(
            f"  {source.name}: {source.names} names, {source.category}, {source.format}, {passed} passed over"
        )
        if report:
            for problem in source.problems:
                click.echo(f"    {problem.file}:{problem.line}: {problem.reason}: {problem.text}")


@command.command()
@INDEX
@click.option("--category", "categories", multiple=True, help="Only names of this category (several allowed).")
def export(index: Path, categories: tuple[str, ...]) -> None:
    """Print the names that an index closes, sorted, one a line."""
    with failures():
        for name in closed_names(open_index(index), categories):
            sys.stdout.write(f"{name}\n")


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn a list's failure into the one line that a person is shown."""
    try:
        yield
    except ListError as failure:
        raise HallpassError(str(failure)) from None


@contextlib.contextmanager
def progress() -> Iterator[compiling.Progress]:
    """Give a function that shows how far a build is: bars on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield compiling.no_progress
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, object] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)  # type: ignore[arg-type]

        yield show
