"""What `hallpass lists` says: the answers of `blocklists` in words."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

from blocklists import compiler
from blocklists.categories import category_name
from blocklists.copies import FetchOutcome, HeldCopy, ListCopy
from blocklists.search import MatchingEntry, SearchResult

CHANGES_SHOWN = 20


def print_held(held: Sequence[HeldCopy], *, err: bool = False) -> None:
    """Show what each held-back copy would change, and all of them together by category."""
    totals: dict[str, tuple[int, int]] = {}
    for one in held:
        difference = one.difference
        click.echo(f"{one.source}: held back: {one.held.reason}", err=err)
        if not one.held.is_acceptable:
            click.echo("  it is no list, and cannot be accepted", err=err)
            continue
        click.echo(f"  +{difference.added} -{difference.removed}", err=err)
        for sign, names, count in (
            ("+", difference.first_added, difference.added),
            ("-", difference.first_removed, difference.removed),
        ):
            print_names(sign, names[:CHANGES_SHOWN], everything=True, err=err, count=count)
        added, removed = totals.get(one.category, (0, 0))
        totals[one.category] = (added + difference.added, removed + difference.removed)
    for category, (added, removed) in sorted(totals.items()):
        click.echo(f"{category_name(category)} ({category}): +{added} -{removed}", err=err)


def print_outcome(outcome: FetchOutcome) -> None:
    """Say what became of an attempt to fetch."""
    words = {
        "new": "fetched",
        "unchanged": "has not changed",
        "failed": "could not be fetched",
        "held": "held back",
        "refused": "stays as it is",
    }
    text = f"{outcome.source}: {words[outcome.state]}"
    if outcome.message:
        text += f": {outcome.message}"
    if outcome.state in ("failed", "held"):
        text += f" ({_age(outcome.age)})"
    click.echo(text, err=True)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "there is no copy from before"
    if seconds < 2 * 3600:
        return f"the copy in use is {seconds / 60:.0f} minutes old"
    if seconds < 2 * 86400:
        return f"the copy in use is {seconds / 3600:.0f} hours old"
    return f"the copy in use is {seconds / 86400:.0f} days old"


def print_built(built: compiler.BuildReport, output: Path, *, lines: bool) -> None:
    """Print what was built."""
    click.echo(f"{built.names} names in {output} (version {built.version})")
    for source in built.sources:
        print_source(source, lines=lines)


def print_source(source: compiler.SourceReport, *, lines: bool) -> None:
    """Print what became of a source."""
    white = ", a white list: its names are left open" if source.white else ""
    click.echo(f"  {source.name}: {source.names} names, {source.category}, {source.format}{white}")
    for reason, count in source.passed_over.items():
        click.echo(f"    {count} {'line' if count == 1 else 'lines'} passed over: {reason}")
    if lines:
        for problem in source.problems:
            click.echo(f"    {problem.file}:{problem.line}: {problem.reason}: {problem.text}")


def print_findings(found: SearchResult) -> None:
    """Print everything that an index says of a name."""
    if found.closings:
        categories = ", ".join(dict.fromkeys(closing.category for closing in found.closings))
        click.echo(f"{found.name}: closed as {categories}")
    else:
        click.echo(f"{found.name}: not closed by any list")
    for touch in found.touches:
        undone = ", but something weighs more" if touch.does == "closes" and not touch.decides else ""
        click.echo(f"  {touch.does}{undone}: {touch.entry}  ({touch.category}; {', '.join(touch.sources)})")
        if found.updated_at is not None and found.compared_with is not None:
            _print_since(touch, _day(found.updated_at), _day(found.compared_with))
    if found.below_count:
        more = ", …" if found.below_count > len(found.below) else ""
        click.echo(f"  {found.below_count} listed below it: {', '.join(found.below)}{more}")


def _print_since(touch: MatchingEntry, updated: str, before: str) -> None:
    older = [source for source in touch.sources if source not in touch.new_sources]
    if touch.new_sources:
        click.echo(f"    new: the update of {updated} brought it, in {', '.join(touch.new_sources)}")
    if older:
        click.echo(f"    since {before} or earlier, in {', '.join(older)}")


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def print_names(
    sign: str, names: Sequence[str], *, everything: bool, err: bool = False, count: int | None = None
) -> None:
    """Print names with a sign before each, the first of them or all; `count`: how many there are, if not these."""
    shown = names if everything else names[:CHANGES_SHOWN]
    for name in shown:
        click.echo(f"  {sign}{name}", err=err)
    more = (len(names) if count is None else count) - len(shown)
    if more > 0:
        click.echo(f"  {sign} … and {more} more", err=err)


def describe_copy(copy: ListCopy) -> str:
    """Return how old a copy is and what is wrong with it."""
    words = _age(max(0.0, time.time() - copy.confirmed_at) if copy.confirmed_at else None)
    if copy.failures:
        words += f"; {copy.failures} failed attempts since: {copy.error}"
    if copy.held:
        words += f"; a newer one is held back: {copy.held.reason}"
    return words
