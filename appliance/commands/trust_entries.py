"""`hallpass trust locks` and `hallpass trust shared`: what a trust lays down for its schools."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust import entries
from appliance.trust import schools as school_services
from appliance.trust.entries import Kind
from appliance.trust.service import trust_session

school_option = click.option("--school", "names", multiple=True, help="For this school only; none: for all.")
note_option = click.option("--note", default="", help="Why.")


class ListedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is laid down, as it is printed."""

    number: int
    kind: str
    content: dict[str, Any]
    schools: list[str]  # ids; none: all
    words: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str


@click.group(cls=AnsweringGroup)
def locks() -> None:
    """Lay down what no school opens, and what no school closes; take it back."""


@click.group(cls=AnsweringGroup)
def shared() -> None:
    """Share rules, lists and ready-made sets with the schools; take them back."""


@locks.command("add")
@click.argument("kind", type=click.Choice(("category", "name", "open")))
@click.argument("value")
@note_option
@school_option
@config_option("trust.toml")
@json_option
def add_lock(config: Path, kind: Kind, names: tuple[str, ...], *, as_json: bool, **texts: str) -> None:
    """Close a category or a name for good, or keep a name open, in all schools or in some."""
    value = texts["value"]
    content = {"category": value} if kind == "category" else {"name": value, "note": texts["note"]}
    _add(config, kind, content, names, as_json=as_json)


@shared.group("add")
def add_shared() -> None:
    """Share a rule, a list or a ready-made set."""


@add_shared.command("rule")
@click.argument("action", type=click.Choice(("block", "allow")))
@click.argument("name")
@note_option
@school_option
@config_option("trust.toml")
@json_option
def share_rule(config: Path, names: tuple[str, ...], *, as_json: bool, **content: str) -> None:
    """Close or open NAME where a school has no rule of its own for it."""
    _add(config, "rule", dict(content), names, as_json=as_json)


@add_shared.command("source")
@click.argument("name")
@click.argument("category")
@click.argument("location")
@click.option("--format", default="auto", help="As for hallpass lists subscribe.")
@click.option("--match", default="", help="Likewise.")
@school_option
@config_option("trust.toml")
@json_option
def share_source(config: Path, names: tuple[str, ...], *, as_json: bool, **content: str) -> None:
    """Subscribe the schools to the list at LOCATION, as NAME, in CATEGORY."""
    _add(config, "source", dict(content), names, as_json=as_json)


@add_shared.command("set")
@click.argument("set_id")
@school_option
@config_option("trust.toml")
def share_set(set_id: str, names: tuple[str, ...], config: Path) -> None:
    """Share the lists and the openings of a ready-made set (hallpass lists catalogue)."""
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        ids = [school_services.require_school(session, one).id for one in names]
        made = entries.add_set(session, trust.now(), set_id=set_id, schools=ids, by=BY)
    add_to_answer(numbers=[one.id for one in made])
    click.echo(f"{set_id}: {len(made)} entries laid down")


def _add(config: Path, kind: Kind, content: dict[str, Any], names: tuple[str, ...], *, as_json: bool) -> None:
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        ids = [school_services.require_school(session, one).id for one in names]
        row = entries.add_entry(session, trust.now(), kind=kind, content=content, schools=ids, by=BY)
        number, words = row.id, entries.describe_entry(session, row)
    if as_json:
        print_json({"number": number})
        return
    click.echo(f"{number}: {kind} {words}. Schools hear of it within a minute.")


def _list(config: Path, kinds: tuple[Kind, ...], *, ended: bool, as_json: bool) -> None:
    with trust_session(load_settings(config, CentralSettings)) as (_, session):
        found = [
            ListedEntry(
                number=row.id, kind=row.kind, content=row.content, schools=list(row.schools),
                words=entries.describe_entry(session, row), made_at=row.made_at, made_by=row.made_by,
                ended_at=row.ended_at, ended_by=row.ended_by,
            )
            for row in entries.list_entries(session, kinds, ended=ended)
        ]  # fmt: skip
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.number}  {one.kind}  {one.words}  by {one.made_by}")


def _remove(config: Path, number: int) -> None:
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        words = entries.describe_entry(session, entries.end_entry(session, trust.now(), entry_id=number, by=BY))
    add_to_answer(number=number)
    click.echo(f"taken back: {words}. To undo it: restore {number}")


def _restore(config: Path, number: int) -> None:
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        row = entries.restore_entry(session, trust.now(), entry_id=number, by=BY)
        words = entries.describe_entry(session, row)
    add_to_answer(number=number)
    click.echo(f"in force again: {words}")


def _add_common(group: click.Group, kinds: tuple[Kind, ...]) -> None:
    """Give a group what is done with every kind of entry."""

    @group.command("list")
    @click.option("--ended", is_flag=True, help="What was taken back, instead of what is in force.")
    @config_option("trust.toml")
    @json_option
    def list_command(config: Path, *, ended: bool, as_json: bool) -> None:
        """List what is laid down, each with its number."""
        _list(config, kinds, ended=ended, as_json=as_json)

    @group.command("remove")
    @click.argument("number", type=click.IntRange(1, 2**31 - 1))
    @config_option("trust.toml")
    def remove_command(number: int, config: Path) -> None:
        """Take back what has this NUMBER, which `list` prints."""
        _remove(config, number)

    @group.command("restore")
    @click.argument("number", type=click.IntRange(1, 2**31 - 1))
    @config_option("trust.toml")
    def restore_command(number: int, config: Path) -> None:
        """Put back in force what was taken back (`list --ended`)."""
        _restore(config, number)


_add_common(locks, entries.LOCKS)
_add_common(shared, entries.SHARED)
