"""`hallpass central timetable`: hours at which more is closed for a profile, or less; terms and holidays."""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central import policies, profiles, school_year, timetables
from appliance.central.profile_settings import ProfileSettings, TimetableRow, check_settings, read_settings
from appliance.central.school_year import SpanKind
from appliance.central.timetable_preview import TimetablePreview, WeekDay
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from dns.policy.document import Span
from dns.policy.timetable import WEEKDAYS

_DAY = click.DateTime(formats=("%Y-%m-%d",))
_KIND = click.Choice(("terms", "holidays"))


@click.group("timetable", cls=AnsweringGroup)
def command() -> None:
    """Look at timetables, terms and holidays, and change them."""


@command.command()
@click.argument("profile")
@config_option("central.toml")
@json_option
def show(profile: str, config: Path, *, as_json: bool) -> None:
    """Show a profile's rows, what holds now, what changes next, and what is odd."""
    with open_session(config) as (central, session):
        settings = read_settings(profiles.get_profile(session, profile))
        state = _preview(session, profile).state_at(central.now())
        week = school_year.read_school_year(session).week
        locked, known = profiles.list_locked_categories(session), profiles.known_categories(session)
    notes = [*timetables.timetable_notes(settings, week, locked, known)]
    if as_json:
        rows = [{"id": timetables.row_id(one), **msgspec.to_builtins(one)} for one in settings.timetable]
        print_json({"rows": rows, "now": msgspec.to_builtins(state), "notes": notes})
        return
    for one in settings.timetable:
        what = "; ".join(
            f"{verb} {', '.join(found)}" for verb, found in (("opens", one.opens), ("closes", one.closes)) if found
        )
        click.echo(f"{timetables.row_id(one)}  {timetables.row_words(one)}: {what}")
    click.echo(f"now open: {', '.join(state.opened) or '-'}; now closed: {', '.join(state.closed) or '-'}")
    for change in state.next_changes:
        click.echo(
            f"{change.at:%Y-%m-%d %H:%M}: opens {', '.join(change.opened) or '-'}, closes "
            f"{', '.join(change.closed) or '-'}"
        )
    for note in notes:
        click.echo(f"note: {note}")


@command.command()
@click.argument("profile")
@click.option("--of", "day", type=_DAY, help="A day of the week to look at; left out: this week.")
@config_option("central.toml")
@json_option
def week(profile: str, day: datetime | None, config: Path, *, as_json: bool) -> None:
    """Show a week of a profile's timetable."""
    with open_session(config) as (central, session):
        preview = _preview(session, profile)
        document = policies.read_school_policy(session).document
        today = TimetablePreview.today(document, central.now())
    found = preview.week_of(_checked_day(day) if day is not None else today)
    if as_json:
        print_json(found)
        return
    _print_week(found)


@command.command()
@click.argument("profile")
@click.option("--from", "start", required=True, help="When it begins: 12:00.")
@click.option("--until", "end", required=True, help="When it ends; not after the beginning: on the next day.")
@click.option("--name", default="", help="What people call it.")
@click.option(
    "--day", "days", multiple=True, type=click.Choice(WEEKDAYS), help="Only on this day; none: the week."
)
@click.option("--when", type=click.Choice(("school-days", "other-days", "every-day")), default="school-days")
@click.option("--open", "opens", multiple=True, help="A category that is open then.")
@click.option("--close", "closes", multiple=True, help="A category that is closed then.")
@click.option("--replaces", default="", help="The id of the row in whose place it comes.")
@click.option("--dry-run", is_flag=True, help="Show this week as it would be, and save nothing.")
@config_option("central.toml")
def add(profile: str, config: Path, replaces: str, *, dry_run: bool, **fields: Any) -> None:
    """Add a row to a profile's timetable, or put one in the place of another."""
    try:
        row = msgspec.convert(
            {name: [*v] if isinstance(v, tuple) else v for name, v in fields.items()}, TimetableRow
        )
    except msgspec.ValidationError as problem:
        raise HallpassError(f"this is no row of a timetable: {problem}") from None
    with open_session(config) as (central, session):
        if dry_run:
            settings = timetables.with_row(
                read_settings(profiles.get_profile(session, profile)), row, replaces=replaces
            )
            check_settings(settings, {*profiles.known_categories(session), *settings.categories})
            document = policies.read_school_policy(session).document
            _print_week(_preview_of(session, settings).week_of(TimetablePreview.today(document, central.now())))
            return
        saved = timetables.put_row(session, central.now(), profile=profile, row=row, by=BY, replaces=replaces)
    say_change(saved.change, f"{profile}: {timetables.row_words(row)}")


@command.command()
@click.argument("profile")
@click.argument("row")
@config_option("central.toml")
def remove(profile: str, row: str, config: Path) -> None:
    """Take a row out, by the id that `show` prints."""
    with open_session(config) as (central, session):
        saved = timetables.remove_row(session, central.now(), profile=profile, row=row, by=BY)
    say_change(saved.change, f"{profile}: the row is gone")


@command.command()
@config_option("central.toml")
@json_option
def year(config: Path, *, as_json: bool) -> None:
    """Show the school's week, terms and holidays."""
    with open_session(config) as (_, session):
        found = school_year.read_school_year(session)
    if as_json:
        print_json(found)
        return
    click.echo(f"week: {', '.join(found.week)}")
    for kind, spans in (("term", found.terms), ("holiday", found.holidays)):
        for one in spans:
            click.echo(f"{kind}  {one.first} to {one.last}  {one.name}".rstrip())


@command.command("set-week")
@click.argument("days", nargs=-1, required=True, type=click.Choice(WEEKDAYS))
@config_option("central.toml")
def set_week(days: tuple[str, ...], config: Path) -> None:
    """Say on which weekdays the school is open."""
    with open_session(config) as (central, session):
        change = school_year.set_school_week(session, central.now(), week=days, by=BY)
    say_change(change, "the school's week")


@command.command("add-days")
@click.argument("kind", type=_KIND)
@click.argument("first", type=_DAY)
@click.argument("last", type=_DAY)
@click.option("--name", default="", help="What people call it.")
@config_option("central.toml")
def add_days(kind: SpanKind, first: datetime, last: datetime, name: str, config: Path) -> None:
    """Add a term or a holiday, from the day FIRST to the day LAST."""
    span = Span(name=name, first=first.date(), last=last.date())
    with open_session(config) as (central, session):
        change = school_year.add_span(session, central.now(), kind=kind, span=span, by=BY)
    say_change(change, f"{kind}: {first:%Y-%m-%d} to {last:%Y-%m-%d}")


@command.command("remove-days")
@click.argument("kind", type=_KIND)
@click.argument("first", type=_DAY)
@click.argument("last", type=_DAY)
@click.option("--name", default="", help="What people call it.")
@config_option("central.toml")
def remove_days(kind: SpanKind, first: datetime, last: datetime, name: str, config: Path) -> None:
    """Remove a term or a holiday."""
    span = Span(name=name, first=first.date(), last=last.date())
    with open_session(config) as (central, session):
        change = school_year.remove_span(session, central.now(), kind=kind, span=span, by=BY)
    say_change(change, f"{kind}: {first:%Y-%m-%d} to {last:%Y-%m-%d} removed")


def _print_week(found: Iterable[WeekDay]) -> None:
    for one in found:
        click.echo(f"{one.day:%a %Y-%m-%d}{'' if one.is_school_day else ' (no school)'}")
        for part in one.stretches:
            click.echo(
                f"  {part.start}-{part.end}  open: {', '.join(part.opened) or '-'}; closed: "
                f"{', '.join(part.closed) or '-'}"
            )


def _preview(session: Session, profile: str) -> TimetablePreview:
    return _preview_of(session, read_settings(profiles.get_profile(session, profile)))


def _preview_of(session: Session, settings: ProfileSettings) -> TimetablePreview:
    days = school_year.read_school_year(session).week
    document = policies.read_school_policy(session).document
    return TimetablePreview(
        document, timetables.to_profile(settings, days), days, profiles.known_categories(session)
    )


def _checked_day(day: datetime) -> date:
    if not school_year.FIRST_YEAR <= day.year <= school_year.LAST_YEAR:
        raise HallpassError(f"a day lies between {school_year.FIRST_YEAR} and {school_year.LAST_YEAR}")
    return day.date()
