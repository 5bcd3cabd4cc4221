"""`hallpass central openings`: what is open for a while or will be, opening a site, and changing its time."""

from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec

from appliance.central import unblocks
from appliance.central.site_names import checked_site
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import MOMENT, describe, open_session, say_opening, school_time
from appliance.commands.options import BY, config_option, json_option, print_json


class ListedOpening(msgspec.Struct, frozen=True, kw_only=True):
    """An opening, as it is printed."""

    id: int
    site: str
    also: list[str]
    room: str  # "": every room
    groups: list[str]
    device: str
    since: datetime
    until: datetime
    by: str
    closed_by_trust: list[str]  # of its names: they stay closed all the same
    locked: list[str]  # the same, where nobody at the school can open them


@click.group("openings", cls=AnsweringGroup)
def command() -> None:
    """Look at what is open for a while or will be, open a site, and change its time."""


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print what is open, and what will be."""
    with open_session(config) as (central, session):
        found = unblocks.list_active_unblocks(session, central.now())
        closed = central.preview.find_still_closed(session, found)
        listed = [
            ListedOpening(
                id=one.id, site=one.site, also=list(one.also), room=one.room.name if one.room else "",
                groups=list(one.groups), device=one.device, since=one.since, until=one.until, by=one.by,
                closed_by_trust=closed[one.id].by_trust if one.id in closed else [],
                locked=closed[one.id].locked if one.id in closed else [],
            )
            for one in found
        ]  # fmt: skip
        lines = [describe(one) for one in found]
    if as_json:
        print_json(listed)
        return
    for line, one in zip(lines, listed, strict=True):
        trusts = f"  closed by the trust: {', '.join(one.closed_by_trust)}" if one.closed_by_trust else ""
        locked = f"  locked: {', '.join(one.locked)}" if one.locked else ""
        click.echo(f"{line}{trusts}{locked}")


@command.command("open")
@click.argument("site")
@click.option("--minutes", type=int, default=60, show_default=True)
@click.option("--from", "since", type=MOMENT, help="When it opens, on the school's clock; left out: now.")
@click.option("--room", default="", help="In this room; left out: in every one.")
@click.option("--group", "groups", multiple=True, help="For this group; left out: for every one.")
@click.option("--device", default="", help="For one device: its address, MAC address or name.")
@click.option("--also", multiple=True, help="A further name that the site needs.")
@config_option("central.toml")
def open_site(
    site: str, *, minutes: int, since: datetime | None, room: str, groups: tuple[str, ...], device: str,
    also: tuple[str, ...], config: Path,
) -> None:  # fmt: skip
    """Open SITE for a while."""
    with open_session(config) as (central, session):
        central.preview.require_opening(session, checked_site(site), also, groups)
        unblock = unblocks.open_site(
            session, central.now(), site=site, minutes=minutes, since=school_time(central, since), room=room,
            groups=groups, device=device, also=also, by=BY,
        )  # fmt: skip
        say_opening(unblock)


@command.command()
@click.argument("opening", type=int)
@click.option("--minutes", type=int, required=True, help="From its start, or from now where it has begun.")
@click.option("--from", "since", type=MOMENT, help="Another start, on the school's clock.")
@config_option("central.toml")
def change(opening: int, minutes: int, since: datetime | None, config: Path) -> None:
    """Give an OPENING, by its number, another time."""
    with open_session(config) as (central, session):
        now, start = central.now(), school_time(central, since)
        known = unblocks.find_unblock(session, opening)
        begins = max(now, start or (known.since if known is not None else now))
        unblock = unblocks.change_unblock(
            session, now, unblock_id=opening, by=BY, since=start, until=begins + timedelta(minutes=minutes),
            check_opening=central.preview.require_opening,
        )  # fmt: skip
        say_opening(unblock)


@command.command()
@click.argument("opening", type=int)
@config_option("central.toml")
def end(opening: int, config: Path) -> None:
    """End an OPENING now, by its number."""
    with open_session(config) as (central, session):
        change = unblocks.end_unblock(session, central.now(), unblock_id=opening, by=BY)
    if change:
        say_change(change, "it is closed")
