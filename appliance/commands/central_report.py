"""`hallpass central report`: the week, the term, the yearly review, and what parents may read."""

from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from appliance.central import report_formats, school_reports, service
from appliance.central.school_reports import ReportKind
from appliance.commands.options import config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_RENDERERS = {
    "text": report_formats.to_text,
    "csv": report_formats.to_csv,
    "html": report_formats.to_html,
}


@click.command("report")
@click.argument("kind", type=click.Choice(get_args(ReportKind)))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on; left out: the usual time.")
@click.option("--format", "form", type=click.Choice(list(_RENDERERS)), default="text", show_default=True)
@config_option("central.toml")
@json_option
def command(kind: ReportKind, since: datetime | None, form: str, config: Path, *, as_json: bool) -> None:
    """Print the report KIND: numbers and decisions, no names of people or devices, no cell under five."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        zone = central.identity.current().zone
        with central.store.read_session() as session:
            begin = since.replace(tzinfo=zone) if since else None
            report = school_reports.make_report(session, central.now(), zone, kind, since=begin)
    finally:
        central.store.close()
    if as_json:
        print_json(report)
    else:
        click.echo(_RENDERERS[form](report), nl=False)
