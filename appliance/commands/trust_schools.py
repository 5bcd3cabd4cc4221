"""`hallpass trust schools` and `hallpass trust numbers`: the schools of a trust, and how they are."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central.models import TrustSchoolRow
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust import invitations, school_list
from appliance.trust import schools as services
from appliance.trust.service import trust_session


@click.group(cls=AnsweringGroup)
def schools() -> None:
    """Register schools, invite their centrals, see how they are, and let them go."""


@schools.command("list")
@config_option("trust.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List the schools, and how it stands with each."""
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        found = school_list.list_schools(session, trust.now())
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.name}  {one.timezone}  {one.words}")


@schools.command()
@click.argument("name")
@click.option("--timezone", default="Europe/London", show_default=True, help="Of the school's clock.")
@config_option("trust.toml")
def add(name: str, timezone: str, config: Path) -> None:
    """Register the school NAME."""
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        made = services.register_school(session, trust.now(), name=name, timezone=timezone, by=BY)
        kept = made.name
        add_to_answer(id=made.id, school=kept)
    click.echo(f"{kept}: registered. Next: hallpass trust schools invite {kept!r} --output FILE")


@schools.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Where the invitation is written.")
@click.option("--days", type=click.IntRange(1, 90), default=services.INVITATION_DAYS, show_default=True)
@config_option("trust.toml")
def invite(name: str, output: Path, days: int, config: Path) -> None:
    """Write an invitation for the central of school NAME: it works once. An earlier one ends."""
    settings = load_settings(config, CentralSettings)
    invitations.require_address(settings)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    is_written = False
    try:
        with os.fdopen(handle, "wb") as file, trust_session(settings) as (trust, session):
            school = services.require_school(session, name)
            token = services.invite_school(session, trust.now(), school=school, by=BY, days=days)
            file.write(invitations.make_invitation(session, settings, school=school, token=token))
            kept = school.name
            add_to_answer(school=kept, file=str(output))
        is_written = True
    finally:
        if not is_written:
            output.unlink()
    click.echo(
        f"{output}: for the central of {kept}, within {days} days: hallpass central trust join {output.name}. "
        "Leave no copy: it is as secret as a password."
    )


@schools.command()
@click.argument("name")
@config_option("trust.toml")
def uninvite(name: str, config: Path) -> None:
    """Take back an invitation for school NAME that was not used yet."""
    kept = _change(
        config,
        name,
        lambda session, now, school: services.withdraw_invitation(session, now, school=school, by=BY),
    )
    click.echo(f"The invitation for {kept} is of no use any more.")


@schools.command()
@click.argument("name")
@click.argument("new_name")
@config_option("trust.toml")
def rename(name: str, new_name: str, config: Path) -> None:
    """Give the school NAME another name."""
    kept = _change(
        config,
        name,
        lambda session, now, school: services.rename_school(session, now, school=school, name=new_name, by=BY),
    )
    click.echo(f"It is called {kept} now.")


@schools.command()
@click.argument("name")
@config_option("trust.toml")
def retire(name: str, config: Path) -> None:
    """Let the school NAME go: what the trust laid down ends there as soon as its central has heard."""
    kept = _change(
        config, name, lambda session, now, school: services.retire_school(session, now, school=school, by=BY)
    )
    click.echo(f"{kept} is let go: its central hears of it within a minute. An invitation brings it back.")


@schools.command()
@click.argument("name")
@config_option("trust.toml")
def revoke(name: str, config: Path) -> None:
    """Answer the central of school NAME no more, at once: its credential is in somebody else's hands."""
    kept = _change(
        config, name, lambda session, now, school: services.revoke_school(session, now, school=school, by=BY)
    )
    click.echo(f"{kept} is answered no more; what was laid down holds there. It needs a new invitation.")


def _change(config: Path, name: str, change: Callable[[Session, datetime, TrustSchoolRow], object]) -> str:
    """Change one school; return what it is called now."""
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        school = services.require_school(session, name)
        change(session, trust.now(), school)
        add_to_answer(id=school.id, school=school.name)
        return school.name


class PrintedNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of all schools, as they are printed."""

    at: datetime
    schools: list[school_list.ListedSchool]


@click.command()
@config_option("trust.toml")
@json_option
def numbers(config: Path, *, as_json: bool) -> None:
    """Print how each school is, in numbers; those under five are not told."""
    with trust_session(load_settings(config, CentralSettings)) as (trust, session):
        now = trust.now()
        found = school_list.list_schools(session, now)
    if as_json:
        print_json(PrintedNumbers(at=now, schools=found))
        return
    for one in found:
        click.echo(f"{one.name}  {one.words}")
        if one.numbers is not None:
            click.echo(f"  {school_list.describe_numbers(one.numbers)}")
