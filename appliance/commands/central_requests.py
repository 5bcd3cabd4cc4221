"""`hallpass central requests`: what teachers have asked for, and deciding it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central import permanent_openings, request_expiry, requests, service
from appliance.central.models import RequestRow, UnblockRow
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.school_time import read_school_time
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
MAX_DECIDED = 200


class ListedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as it is printed."""

    id: str
    site: str
    also: list[str]
    room: str
    teacher: str
    reason: str
    minutes: int
    state: str
    asked_at: datetime
    since: datetime | None
    expires_at: datetime | None
    urgent: bool
    decided_by: str
    decided_at: datetime | None
    answer: str


@contextmanager
def open_session(config: Path) -> Iterator[tuple[service.Central, Session]]:
    """Give central and a session that is committed at the end. Raises HallpassError."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            yield central, session
    finally:
        central.store.close()


@click.group("requests", cls=AnsweringGroup)
def command() -> None:
    """Look at what teachers have asked for, and decide it."""


@command.command("list")
@click.option("--decided", is_flag=True, help="What was decided, or not in time, instead of what waits.")
@config_option("central.toml")
@json_option
def show(config: Path, *, decided: bool, as_json: bool) -> None:
    """Print the requests that wait, the urgent ones first."""
    with open_session(config) as (_central, session):
        found = (
            requests.list_decided_requests(session, MAX_DECIDED)
            if decided
            else requests.list_waiting_requests(session)
        )
        listed = [_listed(one) for one in found]
    if as_json:
        print_json(listed)
        return
    for one in listed:
        what = f"{one.id}  {one.state}  {one.site}  {one.room}  {one.teacher}  {one.minutes} min"
        click.echo(f"{what}{'  the lesson is now' if one.urgent else ''}  {one.reason}")


@command.command()
@click.argument("request_id")
@click.option("--minutes", type=int, help="For how long; left out: as long as was asked for.")
@click.option("--scope", type=click.Choice(["device", "room", "school"]), help="Left out: as it was asked for.")
@click.option("--from", "since", type=MOMENT, help="When it opens; left out: as it was asked for, or now.")
@click.option("--answer", default="", help="Words for the teacher.")
@config_option("central.toml")
def approve(
    request_id: str, *, minutes: int | None, scope: requests.Scope | None, since: datetime | None, answer: str,
    config: Path,
) -> None:  # fmt: skip
    """Open the site that a request names."""
    with open_session(config) as (central, session):
        _require_opening(central, session, request_id)
        unblock = requests.approve_request(
            session, central.now(), request_id=request_id, by=BY, minutes=minutes, scope=scope, answer=answer,
            since=school_time(central, since),
        )  # fmt: skip
        say_opening(unblock)


@command.command("pass-on")
@click.argument("request_id")
@click.argument("username")
@click.option("--note", default="", help="Words for the colleague.")
@config_option("central.toml")
def pass_on(request_id: str, username: str, note: str, config: Path) -> None:
    """Ask the colleague USERNAME to decide a request."""
    with open_session(config) as (central, session):
        requests.pass_request_on(session, central.now(), request_id=request_id, by=BY, to=username, note=note)
        _answer_with(session, request_id)


@command.command()
@click.argument("request_id")
@config_option("central.toml")
def permanent(request_id: str, config: Path) -> None:
    """Open a requested site for good, in every room: it becomes a rule."""
    with open_session(config) as (central, session):
        _require_opening(central, session, request_id)
        permanent_openings.make_request_permanent(session, central.now(), request_id=request_id, by=BY)
        _answer_with(session, request_id)


@command.command("undo-permanent")
@click.argument("request_id")
@config_option("central.toml")
def undo_permanent(request_id: str, config: Path) -> None:
    """Take the rules away again that `permanent` made of a request."""
    with open_session(config) as (central, session):
        permanent_openings.undo_permanent_request(session, central.now(), request_id=request_id, by=BY)
        _answer_with(session, request_id)


@command.command()
@click.argument("request_id")
@click.option("--answer", default="Not this time.", show_default=True, help="Words for the teacher.")
@config_option("central.toml")
def deny(request_id: str, answer: str, config: Path) -> None:
    """Leave the site closed."""
    with open_session(config) as (central, session):
        requests.deny_request(session, central.now(), request_id=request_id, by=BY, answer=answer)
        _answer_with(session, request_id)


@command.command()
@click.argument("request_id")
@config_option("central.toml")
def reopen(request_id: str, config: Path) -> None:
    """Have a request wait again that was denied, or that nobody decided in time."""
    with open_session(config) as (central, session):
        requests.reopen_request(session, central.now(), request_id=request_id, by=BY)
        _answer_with(session, request_id)


@command.command()
@click.argument("school_days", type=int)
@config_option("central.toml")
def wait(school_days: int, config: Path) -> None:
    """Let requests wait for so many SCHOOL_DAYS after the one of asking; 0: until the end of the day."""
    with open_session(config) as (central, session):
        request_expiry.set_request_days(session, central.now(), days=school_days, by=BY)


def _answer_with(session: Session, request_id: str) -> None:
    add_to_answer(request=_listed(requests.get_request(session, request_id)))


def _require_opening(central: service.Central, session: Session, request_id: str) -> None:
    """Refuse to grant what would stay closed, as the page does."""
    wanted = requests.get_request(session, request_id)
    central.preview.require_opening(session, wanted.site, wanted.also)


def school_time(central: service.Central, shown: datetime | None) -> datetime | None:
    """Return the moment at which the school's clock shows a time. Raises HallpassError where it shows none."""
    if shown is None:
        return None
    try:
        return read_school_time(shown, central.identity.current().zone)
    except ValueError as problem:
        raise HallpassError(str(problem)) from None


def say_opening(unblock: UnblockRow) -> None:
    """Print an opening that was made or changed."""
    add_to_answer(
        opening={
            "id": unblock.id, "site": unblock.site, "also": unblock.also,
            "room": unblock.room.name if unblock.room is not None else "", "groups": unblock.groups,
            "device": unblock.device, "since": unblock.since, "until": unblock.until,
        }
    )  # fmt: skip
    click.echo(describe(unblock))


def describe(unblock: UnblockRow) -> str:
    """Return from when until when a site is open."""
    return f"{unblock.id}  {unblock.site}: from {unblock.since.isoformat()} until {unblock.until.isoformat()}"


def _listed(one: RequestRow) -> ListedRequest:
    return ListedRequest(
        id=one.id, site=one.site, also=list(one.also), room=one.room.name, teacher=one.teacher, reason=one.reason,
        minutes=one.minutes, state=one.state, asked_at=one.asked_at, since=one.since, expires_at=one.expires_at,
        urgent=one.urgent, decided_by=one.decided_by, decided_at=one.decided_at, answer=one.answer,
    )  # fmt: skip
