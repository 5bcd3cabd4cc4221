"""`hallpass central counts`: what was answered, in numbers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec

from appliance.central import counts, service
from appliance.commands.options import config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_DAYS = ["%Y-%m-%d"]


@click.command("counts")
@click.option("--since", type=click.DateTime(_DAYS), help="From this day on; left out: a week ago.")
@click.option("--until", type=click.DateTime(_DAYS), help="Before this day; left out: until now.")
@click.option("--top", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many sites.")
@config_option("central.toml")
@json_option
def command(since: datetime | None, until: datetime | None, top: int, config: Path, *, as_json: bool) -> None:
    """Print what rooms answered: by day, category, room and hour, and the sites refused most."""
    central = service.open_central(load_settings(config, CentralSettings))
    zone = central.identity.current().zone
    end = until.replace(tzinfo=zone) if until else central.now() + timedelta(hours=1)
    begin = since.replace(tzinfo=zone) if since else end - timedelta(days=7)
    try:
        with central.store.read_session() as session:
            found: dict[str, Sequence[msgspec.Struct]] = {
                "days": counts.count_by_day(session, zone, begin, end),
                "categories": counts.count_by_category(session, begin, end),
                "rooms": counts.count_by_room(session, begin, end),
                "hours": counts.count_by_hour_of_day(session, zone, begin, end),
                "sites": counts.list_top_refused(session, begin, end, top),
            }
    finally:
        central.store.close()
    if as_json:
        print_json(found)
        return
    for title, rows in found.items():
        click.echo(f"{title}:")
        for row in rows:
            values = msgspec.structs.asdict(row)
            click.echo(
                "  "
                + "  ".join(
                    f"{value:>10}" if isinstance(value, int) else f"{value!s:<30}" for value in values.values()
                )
            )
