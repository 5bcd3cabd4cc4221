"""`hallpass check`: explain what a room decides about a name, and why."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
import msgspec

from appliance.commands.options import config_option
from appliance.room.paths import RoomPaths
from appliance.room.room_policy import load_policy
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.errors import InvalidName
from dns.message.constants import RecordType
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.explain import Explanation, explain
from dns.policy.site_names import parse_name
from dns.policy.view import CompiledView

TYPES = ("A", "AAAA", "HTTPS", "TXT", "MX", "CNAME", "NS", "SRV")
_COLOURS = {"allowed": "green", "refused": "red", "rewritten": "yellow"}


@click.command()
@click.argument("wanted", metavar="NAME...", nargs=-1, required=True)
@config_option("room.toml")
@click.option("--group", help="Decide for this group instead of the room's default.")
@click.option(
    "--device",
    "--client",
    "device",
    metavar="DEVICE",
    help="Decide for this device: its address, its MAC address, or the name that the school gave it.",
)
@click.option("--at", "moment", metavar="TIME", help="At another time: 10:30 (today) or 2026-11-24T10:30.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(TYPES, case_sensitive=False),
    default="A",
    show_default=True,
    help="The record type that is asked for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one for each name.")
def command(
    *,
    wanted: tuple[str, ...],
    config: Path,
    group: str | None,
    device: str | None,
    moment: str | None,
    kind: str,
    as_json: bool,
) -> None:
    """Explain what a room decides about each NAME, and why.

    A whole web address will do for a name. For one name the order of the decision is walked step by step.
    """
    logging.basicConfig(level=logging.WARNING, format="hallpass check: %(message)s")
    if group and device:
        raise click.UsageError("--group and --device exclude each other: a device belongs to one group.")
    queried = [_parse_name(text) for text in wanted]
    settings = load_settings(config, RoomSettings)
    at_now: dict[str, Callable[[], bool]] = {} if moment is None else {"clock_trusted": lambda: True}
    policy = load_policy(settings, RoomPaths.from_settings(settings), **at_now)
    view = _view(policy, group, device)
    now = time.time() if moment is None else _parse_moment(moment, view)
    explained = [explain(view, name, RecordType[kind.upper()], now) for name in queried]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explained)).decode())
        return
    for explanation in explained:
        _print_explanation(explanation, walk=len(explained) == 1)


def _parse_name(text: str) -> str:
    """Return the canonical name in what somebody typed or pasted."""
    try:
        return parse_name(text)
    except InvalidName as problem:
        raise click.BadParameter(f"{problem}.", param_hint="NAME") from None


def _view(policy: CompiledPolicy, group: str | None, device: str | None) -> CompiledView:
    if device is not None:
        return policy.view_of_device(device) or policy.view(device)
    known = [one.name for one in policy.document.groups]
    if group is not None and group not in known:
        raise click.BadParameter(
            f"there is no group {group!r}; there are: {', '.join(known)}.", param_hint="--group"
        )
    return policy.view_for_group(group or policy.document.default_group)


def _parse_moment(text: str, view: CompiledView) -> float:
    """Return a time as Unix seconds; without a zone it is the school's."""
    today = view.local_time(time.time())
    try:
        moment = datetime.fromisoformat(text if "-" in text else f"{today:%Y-%m-%d}T{text}")
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; try 10:30 or 2026-11-24T10:30.", param_hint="--at"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=today.tzinfo)).timestamp()


def _print_explanation(explanation: Explanation, *, walk: bool) -> None:
    verdict = click.style(explanation.verdict, fg=_COLOURS[explanation.verdict], bold=True)
    details = {
        "category": explanation.category.replace("_", " "),
        "source": explanation.source,
        "entry": explanation.entry,
        "answered as": explanation.target,
        "until": f"{explanation.until:%A %H:%M}" if explanation.until else "",
        "to open it": explanation.opens,
    }
    click.echo(f"{explanation.name}: {verdict} for {explanation.group} ({explanation.step})")
    for label, text in details.items():
        if text:
            click.echo(f"  {label}: {text}")
    if walk:
        click.echo("  the order of the decision:")
        for number, step in enumerate(explanation.steps, 1):
            mark = "->" if step.wins else "  "
            click.echo(f"  {mark} {number:2}. {step.title}: {step.text}")
