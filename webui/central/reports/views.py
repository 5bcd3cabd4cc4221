"""Teachers' reports of sites: closing the site, passing the report on, putting it away."""

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import audit, inbox, reports
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable

# How far a report is (`reports.state_of`), for the catalogues.
STATES = (
    translatable("open"), translatable("passed on"), translatable("answered"), translatable("put away"),
)  # fmt: skip

blueprint = create_feature_blueprint("reports", __name__, home="reports.show")


@blueprint.get("/reports")
@requires(Right.HANDLE_REPORTS)
def show() -> str:
    """Show every report, and how far it is on its way."""
    with central().store.read_session() as session:
        found = inbox.read_reports(
            session, words=request.args.get("q", "").strip(), page=request.args.get("page", 1, type=int)
        )
        return render_template("reports/reports.html", found=found, state_of=reports.state_of)


@blueprint.get("/reports/<report_id>")
@requires(Right.HANDLE_REPORTS)
def show_one(report_id: str) -> str:
    """Show one report, with the text to send."""
    with central().store.read_session() as session:
        one = reports.get_report(session, report_id)
        text = reports.write_report_text(one, school=central().identity.current().name, zone=school_clock().zone)
        return render_template("reports/report.html", one=one, text=text, state=reports.state_of(one))


@blueprint.post("/reports/<report_id>/settle")
@requires(Right.HANDLE_REPORTS)
def resolve(report_id: str) -> Redirect:
    """Put a teacher's report away, after closing the site where the coordinator chose so."""
    site = request.form.get("close", "")
    with central().store.write_session() as session:
        reports.resolve_report(
            session, central().now(), report_id=report_id, by=current_username(), close_site=site
        )
        words = (
            gettext("%(site)s is closed in every room.", site=site)
            if site
            else gettext("The report is done with; the site stays as it is.")
        )
        flash_with_undo(words, url_for("reports.reopen", report_id=report_id))
    return redirect(url_for("requests.queue"))


@blueprint.post("/reports/<report_id>/reopen")
@requires(Right.HANDLE_REPORTS)
def reopen(report_id: str) -> Redirect:
    """Take back that a report was put away, and the rule that came of it."""
    with central().store.write_session() as session:
        reports.reopen_report(session, central().now(), report_id=report_id, by=current_username())
    flash(gettext("The report waits again, and what was closed for it is not any more."))
    return redirect(url_for("requests.queue"))


@blueprint.post("/reports/<report_id>/pass-on")
@requires(Right.HANDLE_REPORTS)
def pass_on(report_id: str) -> Redirect:
    """Note that a report was passed on to the provider or an authority."""
    with central().store.write_session(affects_rooms=False) as session:
        reports.pass_report_on(
            session, central().now(), report_id=report_id, by=current_username(), to=request.form.get("to", "")
        )
    flash(gettext("Noted: it was passed on. When they answer, write it down here."))
    return redirect(url_for("reports.show_one", report_id=report_id))


@blueprint.post("/reports/<report_id>/answer")
@requires(Right.HANDLE_REPORTS)
def answer(report_id: str) -> Redirect:
    """Keep what the provider or authority answered."""
    with central().store.write_session(affects_rooms=False) as session:
        reports.record_outside_answer(
            session, central().now(), report_id=report_id, by=current_username(),
            answer=request.form.get("answer", ""),
        )  # fmt: skip
    flash(gettext("The answer is kept."))
    return redirect(url_for("reports.show_one", report_id=report_id))


@blueprint.post("/reports/export")
@requires(Right.HANDLE_REPORTS)
def export() -> Response:
    """Hand out reports as a table: one of them, or all. The audit says who took them."""
    wanted = request.form.get("report", "")
    now = central().now()
    with central().store.write_session(affects_rooms=False) as session:
        found = [reports.get_report(session, wanted)] if wanted else reports.list_reports(session)
        audit.record_audit(session, now, current_username(), "reports exported", f"{len(found)} report(s)")
        table = reports.render_reports_csv(
            found, school=central().identity.current().name, zone=school_clock().zone
        )
    response = Response(table, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="reports-{now:%Y-%m-%d}.csv"'
    return response
