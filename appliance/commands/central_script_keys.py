"""`hallpass central script-keys`: keys for scripts of a school, or of a trust (`--config trust.toml`)."""

from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec

from appliance.central import script_keys
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.rights import SCRIPT_RIGHTS, TRUST_SCRIPT_RIGHTS, Right

_RIGHTS = {right.name.lower().replace("_", "-"): right for right in (*SCRIPT_RIGHTS, *TRUST_SCRIPT_RIGHTS)}
_DAY = timedelta(days=1)


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, as it is printed; the key itself is printed once, when it is made."""

    id: int
    name: str
    owner: str
    rights: list[str]
    state: str
    made_at: datetime
    ends: datetime
    last_used: datetime | None


@click.group("script-keys", cls=AnsweringGroup)
def command() -> None:
    """Make keys for the school's own scripts, look at them, and take them back."""


@command.command()
@click.argument("name")
@click.option("--owner", required=True, help="Whose key it is: it can do no more than they.")
@click.option("--right", "rights", multiple=True, required=True, type=click.Choice(list(_RIGHTS)))
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Its last day.")
@config_option("central.toml")
@json_option
def add(config: Path, name: str, owner: str, rights: tuple[str, ...], until: datetime, *, as_json: bool) -> None:
    """Make a key, and print it: nobody can look it up later."""
    with open_session(config) as (central, session):
        zone = central.identity.current().zone
        made = script_keys.add_key(
            session, central.now(), name=name, owner=owner, rights=[_RIGHTS[one] for one in rights],
            ends=(until + _DAY).replace(tzinfo=zone), by=BY,
        )  # fmt: skip
    if as_json:
        print_json({"id": made.id, "token": made.token})
        return
    click.echo(made.token)


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print all keys, the newest first."""
    with open_session(config) as (central, session):
        listed = [
            ListedKey(
                id=row.id, name=row.name, owner=row.owner, rights=[to_option(Right[one]) for one in row.rights],
                state=script_keys.describe_state(session, row, central.now()), made_at=row.made_at, ends=row.ends,
                last_used=row.last_used,
            )
            for row in script_keys.list_keys(session)
        ]  # fmt: skip
    if as_json:
        print_json(listed)
        return
    for one in listed:
        used = f"last used {one.last_used:%Y-%m-%d}" if one.last_used else "never used"
        what = f"{one.id}  {one.name}  {one.owner}  {', '.join(one.rights)}"
        click.echo(f"{what}  until {one.ends:%Y-%m-%d}  {used}  {one.state}")


@command.command()
@click.argument("key_id", type=click.IntRange(1, 2**31 - 1))
@config_option("central.toml")
def revoke(config: Path, key_id: int) -> None:
    """Take a key back, at once."""
    with open_session(config) as (central, session):
        row = script_keys.revoke_key(session, central.now(), key_id=key_id, by=BY)
    click.echo(f"The key of {row.name} does nothing any more.")


def to_option(right: Right) -> str:
    """Return a right as it is written in the command line."""
    return right.name.lower().replace("_", "-")
