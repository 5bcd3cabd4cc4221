"""`hallpass lists`: fetch and compile lists, look into an index, see what changed.

Results go to standard output, so that they can be piped; messages and progress to standard error. What this module
does not decide: everything; it calls `blocklists` and puts the answers into words.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from appliance.commands import lists_held
from appliance.commands.lists_options import (
    FETCHED,
    INDEX,
    INDEX_OPTION,
    JSON,
    OUTPUT,
    REPORT,
    SOURCES,
    build_progress,
    list_failures,
)
from appliance.commands.lists_subscribe import subscribe
from appliance.commands.lists_words import (
    CHANGES_SHOWN,
    describe_copy,
    print_built,
    print_findings,
    print_held,
    print_names,
    print_outcome,
    print_source,
)
from appliance.errors import HallpassError
from blocklists import catalogue as catalogues
from blocklists import compiler
from blocklists.available_build import AvailableIndex, build_available
from blocklists.categories import category_name
from blocklists.copies import NOT_UPDATED, FetchOutcome, ListCopy
from blocklists.errors import ListError
from blocklists.export import blocked_names
from blocklists.fetcher import Fetcher
from blocklists.index import Index, open_index
from blocklists.previous_index import keep_previous_index, open_previous_index
from blocklists.search import SearchResult
from blocklists.search import diff_indexes as compare
from blocklists.search import search_index as find
from blocklists.sources import Source, load_sources
from dns.errors import DECODING_FAILED, InvalidName
from dns.policy.site_names import parse_name


@click.group()
def command() -> None:
    """Fetch, compile, search and export lists."""


command.add_command(subscribe)
for one in lists_held.COMMANDS:
    command.add_command(one)


@command.command()
@SOURCES
@OUTPUT
@REPORT
def build(sources: Path, output: Path, *, report: bool) -> None:
    """Compile a sources file into an index, fetching only the lists that were never fetched."""
    with list_failures(), build_progress() as show:
        wanted = load_sources(sources)
        fetcher = Fetcher(output / FETCHED, time.time, progress=show)
        needed = [one for one in wanted if not one.is_url or not fetcher.read_copy(one).fetched_at]
        outcomes = _bring_up_to_date(fetcher, needed)
        with keep_previous_index(output):
            built = _compile(wanted, fetcher, outcomes, output, show)
    print_built(built.report, output, lines=report)
    _say_troubles(built, outcomes)


@command.command()
@SOURCES
@OUTPUT
@REPORT
@click.option("--accept", multiple=True, metavar="NAME", help="Take this source's held-back copy into use.")
@click.option("--show-held", is_flag=True, help="Show how each held-back copy differs from the one in use.")
def update(sources: Path, output: Path, *, report: bool, accept: tuple[str, ...], show_held: bool) -> None:
    """Fetch the lists that changed, and compile.

    A copy that looks wrong (a web page, nothing in it, swapped, grown or shrunk out of all measure) is held back:
    the one from last time stays in use until you have looked at the difference (hallpass lists held) and taken it
    (hallpass lists accept NAME, or --accept NAME here).
    """
    with list_failures(), build_progress() as show:
        wanted = load_sources(sources)
        fetcher = Fetcher(output / FETCHED, time.time, progress=show)
        _accept(fetcher, wanted, accept)
        outcomes = _bring_up_to_date(fetcher, [source for source in wanted if source.name not in accept])
        if show_held:
            print_held(fetcher.list_held(), err=True)
        with keep_previous_index(output):
            built = _compile(wanted, fetcher, outcomes, output, show)
    print_built(built.report, output, lines=report)
    _say_troubles(built, outcomes)


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@INDEX_OPTION
@JSON
def search(names: tuple[str, ...], index: Path, *, as_json: bool) -> None:
    """Say every list, entry and category that touches a name, and whether the last update brought it.

    A whole web address will do for a name.
    """
    with list_failures():
        opened = open_index(index)
        findings = list(_findings(index, opened, names))
    if as_json:
        click.echo(msgspec.json.encode(findings).decode())
        return
    for found in findings:
        print_findings(found)


@command.command()
@INDEX
@click.option("--category", "categories", multiple=True, help="Only names of this category (several allowed).")
def export(index: Path, categories: tuple[str, ...]) -> None:
    """Print the names that an index closes, sorted, one a line; names under a listed parent are left out."""
    with list_failures():
        for name in blocked_names(open_index(index), categories):
            sys.stdout.write(f"{name}\n")


@command.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help=f"Every name, not only the first {CHANGES_SHOWN}.")
@JSON
def diff(old: Path, new: Path, *, everything: bool, as_json: bool) -> None:
    """Show what changed from one index to another, by category."""
    with list_failures():
        changes = compare(open_index(old), open_index(new))
    if as_json:
        click.echo(msgspec.json.encode(changes).decode())
        return
    if not changes:
        click.echo("Nothing changed.")
    for change in changes:
        click.echo(
            f"{category_name(change.category)} ({change.category}): +{len(change.added)} -{len(change.removed)}"
        )
        print_names("+", change.added, everything=everything)
        print_names("-", change.removed, everything=everything)


@command.command()
@INDEX
@click.option("--lines", is_flag=True, help="Show every line passed over, with file, line and reason.")
@JSON
def report(index: Path, *, lines: bool, as_json: bool) -> None:
    """Show what an index was made of, how old each list is, and what was passed over."""
    with list_failures():
        opened = open_index(index)
        built = _built(index)
    if as_json:
        click.echo(msgspec.json.encode(built if lines else _without_lines(built)).decode())
        return
    click.echo(f"Index {opened.version}: {built.names} names, {built.patterns} patterns")
    infos = {info.name: info for info in opened.sources}
    for source in built.sources:
        print_source(source, lines=lines)
        info = infos.get(source.name)
        details = [info.version, info.licence, info.homepage] if info else []
        copy = _copy(index, source.name)
        if copy is not None:
            details.insert(0, describe_copy(copy))
        if any(details):
            click.echo(f"    {'; '.join(detail for detail in details if detail)}")


@command.command()
@click.option("--category", help="Only lists of this category.")
@click.option(
    "--sources",
    "wanted",
    multiple=True,
    metavar="ID",
    help="Print a sources file for this list or set (several allowed).",
)
@JSON
def catalogue(category: str | None, wanted: tuple[str, ...], *, as_json: bool) -> None:
    """Show the public lists that Hallpass knows, and ready-made sets of them. Downloads nothing."""
    known = catalogues.load_catalogue()
    if wanted:
        with list_failures():
            chosen = known.find_lists(wanted)
        click.echo("\n".join(catalogues.sources_file_lines(one.to_source() for one in chosen)))
        return
    shown = [one for one in known.lists if category in (None, one.category)]
    if as_json:
        click.echo(msgspec.json.encode({"lists": shown, "sets": known.sets}).decode())
        return
    for one in shown:
        click.echo(f"{one.id}: {one.name}; {category_name(one.category)} ({one.category}), {one.licence}")
        click.echo(f"    {one.about}")
        click.echo(f"    {one.url}")
    if category is None:
        for ready in known.sets:
            click.echo(f"set {ready.id}: {ready.name} ({len(ready.lists)} lists)")
            click.echo(f"    {ready.about}")
            click.echo(f"    What it lacks: {ready.lacks}")
            for profile in ready.profiles:
                click.echo(f"    profile {profile.name}: {profile.about}")


def _bring_up_to_date(fetcher: Fetcher, sources: Sequence[Source]) -> list[FetchOutcome]:
    """Fetch, and say what became of each list: of one on this machine only what is wrong."""
    far = {source.name for source in sources if source.is_url}
    outcomes = list(fetcher.fetch_sources(sources))
    for outcome in outcomes:
        if outcome.source in far or outcome.message:
            print_outcome(outcome)
    return outcomes


def _compile(
    sources: Sequence[Source],
    fetcher: Fetcher,
    outcomes: Sequence[FetchOutcome],
    output: Path,
    progress: compiler.Progress,
) -> AvailableIndex:
    try:
        in_force = {one.name for one in _built(output).sources if one.names}
    except ListError:
        in_force = set()  # there is no index yet, or none that says what it is made of
    failures = {one.source: one.message for one in outcomes if one.state in NOT_UPDATED}
    return build_available(
        sources, output, progress, locate=fetcher.locate_copy, in_force=in_force, failures=failures
    )


def _say_troubles(built: AvailableIndex, outcomes: Sequence[FetchOutcome]) -> None:
    """Raise HallpassError where something could not be had or is not of today."""
    for name, why in built.left_out.items():
        if name not in {one.source for one in outcomes if one.state in NOT_UPDATED}:  # it was said of those
            click.echo(f"{name}: left out: {why}", err=True)
    old = [one.source for one in outcomes if one.state in NOT_UPDATED and one.source not in built.left_out]
    words = [f"left out: {', '.join(built.left_out)}"] if built.left_out else []
    if old:
        words.append(f"not updated: {', '.join(old)}; the index uses the copies from last time")
    if words:
        raise HallpassError("; ".join(words))


def _accept(fetcher: Fetcher, sources: Sequence[Source], names: Sequence[str]) -> None:
    by_name = {source.name: source for source in sources}
    for name in names:
        if name not in by_name:
            raise ListError(f"no source is called {name!r}")
        copy = fetcher.accept_held(by_name[name])
        click.echo(f"{name}: accepted, {copy.entries} entries", err=True)


def _built(index: Path) -> compiler.BuildReport:
    path = index / compiler.REPORT_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=compiler.BuildReport)
    except (OSError, *DECODING_FAILED):
        raise ListError(f"{path}: the report of the build is missing or damaged; build the index again") from None


def _without_lines(built: compiler.BuildReport) -> compiler.BuildReport:
    sources = tuple(msgspec.structs.replace(source, problems=()) for source in built.sources)
    return msgspec.structs.replace(built, sources=sources)


def _copy(index: Path, source: str) -> ListCopy | None:
    try:
        return msgspec.json.decode((index / FETCHED / f"{source}.json").read_bytes(), type=ListCopy)
    except (OSError, *DECODING_FAILED):
        return None


def _findings(directory: Path, opened: Index, names: Sequence[str]) -> Iterator[SearchResult]:
    before = open_previous_index(directory)
    for name in names:
        if before is None:
            yield find(opened, _name(name))
            continue
        previous, built_at = before
        found = find(opened, _name(name), previous=previous)
        changed_at = opened.files[-1][1].st_mtime
        yield msgspec.structs.replace(found, updated_at=changed_at, compared_with=built_at)


def _name(text: str) -> str:
    """Return the canonical name of a name or a web address. Raises HallpassError."""
    try:
        return parse_name(text)
    except InvalidName as problem:
        raise HallpassError(str(problem)) from None
