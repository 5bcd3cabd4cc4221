"""`hallpass central trust`: the trust that a school belongs to."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from appliance.central import service, trust_membership, trust_numbers
from appliance.central.models import TrustContactRow
from appliance.central.room_life import hash_token
from appliance.central.trust_client import TrustClient
from appliance.central.trust_openings import end_locked_openings
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_anyway_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust_protocol import SchoolNumbers, TrustDocument


class ShownMembership(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands between a school and its trust, as it is printed."""

    trust: str
    url: str
    joined_at: datetime
    joined_by: str
    reached_at: datetime | None
    condition: str  # what somebody should look at; "": nothing
    problem: str  # why the last try to reach the trust failed; "": it did not
    document: TrustDocument | None


@click.group("trust", cls=AnsweringGroup)
def command() -> None:
    """Join a trust with its invitation, see what it has laid down, and leave it."""


@command.command()
@click.argument("invitation", type=click.Path(path_type=Path))
@config_option("central.toml")
def join(invitation: Path, config: Path) -> None:
    """Join the trust whose INVITATION (a file) this is. What it has locked holds from then on."""
    found = trust_membership.decode_invitation(read_regular_file(invitation))
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.read_session() as session:
            trust_membership.require_may_join(session)
        credential = trust_membership.new_credential()
        signed = TrustClient(found.url, found.certificate, found.token).enrol(hash_token(credential))
        with central.store.write_session() as session:
            document = trust_membership.join_trust(
                session, central.now(), central.keys, invitation=found, credential=credential, signed=signed, by=BY
            )
            end_locked_openings(session, central.now())
            trust_membership.note_contact(session, central.now(), "")
    finally:
        central.store.close()
    click.echo(f"{document.school_name} belongs to {document.trust_name}.")
    click.echo(trust_membership.describe_document(document))
    click.echo(f"Delete {invitation}: it has done its work.")


@command.command()
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print what the trust has laid down, and how it stands with it."""
    with open_session(config) as (central, session):
        row = trust_membership.require_membership(session)
        contact = session.get(TrustContactRow, 1)
        shown = ShownMembership(
            trust=row.trust_name, url=row.url, joined_at=row.joined_at, joined_by=row.joined_by,
            reached_at=contact.reached_at if contact is not None else None,
            condition=trust_membership.describe_condition(session, central.now()),
            problem=contact.problem if contact is not None else "",
            document=trust_membership.read_kept_document(session),
        )  # fmt: skip
    if as_json:
        print_json(shown)
        return
    click.echo(f"{shown.trust} ({shown.url}), since {shown.joined_at:%Y-%m-%d}")
    click.echo(
        trust_membership.describe_document(shown.document) if shown.document else "nothing of the trust's holds"
    )
    if shown.condition or shown.problem:
        click.echo(shown.condition or f"the trust was not reached: {shown.problem}")


@command.command()
@json_anyway_option
@config_option("central.toml")
def numbers(config: Path) -> None:
    """Print, as JSON, exactly what the trust is told of this school."""
    with open_session(config) as (central, session):
        found: SchoolNumbers = trust_numbers.collect_numbers(session, central.now())
    print_json(found)


@command.command()
@config_option("central.toml")
def sync(config: Path) -> None:
    """Ask the trust now, instead of within the minute."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        problem = central.trust_sync.follow_once()
    finally:
        central.store.close()
    if problem:
        raise HallpassError(f"the trust: {problem}; what it laid down last holds")
    click.echo("up to date with the trust")


@command.command()
@click.option(
    "--without-the-trust", "forced", is_flag=True, help="For a trust that there is no more. Is recorded."
)
@config_option("central.toml")
def leave(config: Path, *, forced: bool) -> None:
    """Forget the trust, once it has let the school go."""
    with open_session(config) as (central, session):
        name = trust_membership.leave_trust(session, central.now(), by=BY, forced=forced)
    click.echo(f"{name}: left. Nothing that it laid down holds any more.")
