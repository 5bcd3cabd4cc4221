"""`hallpass central reports`: the sites that teachers reported, and what became of it."""

from pathlib import Path

import click

from appliance.central import reports
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.script_interface.decisions import ScriptSiteReport


@click.group("reports", cls=AnsweringGroup)
def command() -> None:
    """Look at what teachers reported, pass it on, and put it away."""


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print the newest reports."""
    with open_session(config) as (_central, session):
        listed = [
            ScriptSiteReport(
                id=one.id, site=one.site, room=one.room.name, teacher=one.teacher, note=one.note,
                reported_at=one.reported_at, state=reports.state_of(one), passed_to=one.passed_to,
                passed_by=one.passed_by, passed_at=one.passed_at, answer=one.outside_answer,
            )
            for one in reports.list_reports(session)
        ]  # fmt: skip
    if as_json:
        print_json(listed)
        return
    for one in listed:
        click.echo(f"{one.id}  {one.state}  {one.site}  {one.room}  {one.note}")


@command.command()
@click.argument("report_id", required=False, default="")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table instead, of all reports where none is named.")
@config_option("central.toml")
def text(report_id: str, config: Path, *, as_csv: bool) -> None:
    """Print what to send to the provider or an authority. It names no person, room or device."""
    with open_session(config) as (central, session):
        identity = central.identity.current()
        school, zone = identity.name, identity.zone
        if as_csv:
            found = [reports.get_report(session, report_id)] if report_id else reports.list_reports(session)
            click.echo(reports.render_reports_csv(found, school=school, zone=zone), nl=False)
            return
        click.echo(reports.write_report_text(reports.get_report(session, report_id), school=school, zone=zone))


@command.command("pass-on")
@click.argument("report_id")
@click.argument("recipient")
@config_option("central.toml")
def pass_on(report_id: str, recipient: str, config: Path) -> None:
    """Note that a report was passed on to RECIPIENT: the provider, an authority."""
    with open_session(config) as (central, session):
        reports.pass_report_on(session, central.now(), report_id=report_id, by=BY, to=recipient)


@command.command()
@click.argument("report_id")
@click.argument("words")
@config_option("central.toml")
def answer(report_id: str, words: str, config: Path) -> None:
    """Keep what the provider or authority answered."""
    with open_session(config) as (central, session):
        reports.record_outside_answer(session, central.now(), report_id=report_id, by=BY, answer=words)


@command.command()
@click.argument("report_id")
@click.option("--close", is_flag=True, help="Close the site with a rule first.")
@config_option("central.toml")
def resolve(report_id: str, config: Path, *, close: bool) -> None:
    """Put a report away."""
    with open_session(config) as (central, session):
        site = reports.get_report(session, report_id).site if close else ""
        reports.resolve_report(session, central.now(), report_id=report_id, by=BY, close_site=site)


@command.command()
@click.argument("report_id")
@config_option("central.toml")
def reopen(report_id: str, config: Path) -> None:
    """Take back that a report was put away, and the rule that was made of it."""
    with open_session(config) as (central, session):
        reports.reopen_report(session, central.now(), report_id=report_id, by=BY)
