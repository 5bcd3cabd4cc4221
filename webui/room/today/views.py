"""The page of today: what was refused, and what the teacher asks for and reports.

Views translate HTTP; the agent and the log's readers do the rest.
"""

import secrets
from datetime import UTC, datetime, timedelta

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.protocol import RequestState, SiteReport, UnblockRequest
from appliance.rights import Right
from appliance.room.agent import rpc
from appliance.room.query_log.reader import LogUnreadable
from blocklists.related_names import RelatedName
from webui.room.asks.asked_sites import list_answered_sites, list_asked_sites
from webui.room.blueprints import create_feature_blueprint, room
from webui.room.form_fields import describe_errors
from webui.room.lessons.closed_sites import find_closed_sites
from webui.room.lessons.forms import MORE_MINUTES
from webui.room.refresh_cache import rendered_once
from webui.room.room_client import suspended_tokens
from webui.room.today.forms import QUICK_REASONS, ReportForm, RequestForm, fill_in_quick_reason
from webui.room.today.outlook import look_ahead
from webui.room.today.preview import preview_request
from webui.room.today.refusals import describe_refusals
from webui.room.today.request_words import describe_state, is_answered
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable

blueprint = create_feature_blueprint("today", __name__)
blueprint.add_app_template_test(is_answered, "answered")

_NEWS = timedelta(hours=1)  # for which an answer of no stands on top

_KINDS = {
    "withdrawal": translatable("the end of an opening (it stays closed in this room)"),
    "report": translatable("a report of a site"),
    "incident": translatable("an incident"),
    "action": translatable("a line of the audit"),
}


@blueprint.get("/")
@requires(Right.SEE_ROOM)
@rendered_once
def show() -> str:
    """Show what was refused today, and what became of the room's requests."""
    wanted = {name: request.args.get(name, "") for name in ("site", "device", "also")}
    return _render_today(RequestForm(formdata=None, **wanted))


@blueprint.post("/requests")
@requires(Right.REQUEST_UNBLOCKS)
def submit_request() -> str | Redirect:
    """Send a request on its way."""
    form = RequestForm(formdata=fill_in_quick_reason(request.form))
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return _render_today(form)
    if not request.form.get("anyway") and (preview := preview_request(room(), form.site.data, form.minutes.data)):
        flash(f"{preview.words}.", "warning")
        if preview.minutes:
            form.minutes.data = preview.minutes
        return _render_today(form, may_ask_anyway=preview.may_ask_anyway)
    message = UnblockRequest(
        id=form.key.data,  # the same button pressed twice is one request
        site=form.site.data,
        reason=form.reason.data,
        minutes=form.minutes.data,
        lesson=form.lesson.data or "",
        teacher=current_username(),
        asked_at=datetime.now(UTC),
        also=form.also_names,
        since=form.since,
        urgent=form.when.data == "now",
        device=form.device_token,
        seen_with=_seen_with(form.site.data),
    )
    try:
        opened_until = room().call_agent(rpc.SubmitRequest(message)).opened_until
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{translate_reason(no)}.", "warning")
        return _render_today(form)
    if opened_until is not None:
        until = school_clock().words(opened_until)
        flash(
            gettext(
                "%(site)s is open until %(until)s: you may open it by yourself.", site=message.site, until=until
            )
        )
        return redirect(url_for("today.show"))
    status = room().fetch_status()
    if status is not None and status.reachable:
        flash(gettext("Your request for %(site)s is on its way to the coordinator.", site=message.site))
    else:
        flash(
            gettext(
                "Your request for %(site)s is kept here, and sent as soon as central can be reached again.",
                site=message.site,
            )
        )
    return redirect(url_for("today.show"))


@blueprint.post("/requests/<request_id>/withdraw")
@requires(Right.REQUEST_UNBLOCKS)
def withdraw_request(request_id: str) -> Redirect:
    """Take a request back, or close early what it opened."""
    sites = {one.request.id: one.request.site for one in room().fetch_requests().requests}
    answer = _call_agent(rpc.WithdrawRequest(request_id, current_username()))
    if answer is not None:
        status, site = room().fetch_status(), sites.get(request_id, "")
        done = (
            gettext("%(site)s is closed again in this room.", site=site)
            if answer.ended
            else gettext("The request for %(site)s was taken back.", site=site)
        )
        is_known = status is not None and status.reachable
        later = "" if is_known else " " + gettext("Central hears of it as soon as it can be reached again.")
        flash(done + later)
    return redirect(url_for("today.show"))


@blueprint.post("/requests/<request_id>/again")
@requires(Right.REQUEST_UNBLOCKS)
def ask_again(request_id: str) -> Redirect:
    """Ask once more for what was denied, or what nobody decided in time."""
    answer = _call_agent(rpc.AskAgainRequest(request_id, current_username()))
    if answer is not None:
        flash(
            gettext("Asked again. You see here what becomes of it.")
            if answer.opened_until is None
            else gettext("It is open.")
        )
    return redirect(url_for("today.show"))


@blueprint.post("/reports")
@requires(Right.REPORT_SITES)
def report_site() -> str | Redirect:
    """Send "this should be closed" on its way."""
    form = ReportForm()
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return _render_today(RequestForm(formdata=None), form)
    sent = SiteReport(
        id=secrets.token_hex(16),
        site=form.site.data,
        note=form.note.data or "",
        teacher=current_username(),
        reported_at=datetime.now(UTC),
    )
    if _call_agent(rpc.ReportRequest(sent)) is None:
        return _render_today(RequestForm(formdata=None), form)
    flash(gettext("Thank you. The coordinator will look at %(site)s.", site=sent.site))
    return redirect(url_for("today.show"))


def _render_today(
    form: RequestForm, report_form: ReportForm | None = None, *, may_ask_anyway: bool = False
) -> str:
    try:
        refused, (answers, refusals) = room().list_blocked_today(), room().count_answers_today()
        trouble = ""
    except LogUnreadable as problem:
        refused, answers, refusals, trouble = [], 0, 0, str(problem)
    agent_response = room().fetch_requests()
    now = datetime.now(UTC)
    rows = describe_refusals(room(), refused, now.timestamp(), agent_response.requests)
    overrides = room().fetch_overrides()
    asks = room().list_pupil_asks()
    refused_to = (token for row in rows for token, _ in row.devices)
    device_names = room().find_device_names(
        (*(one.device for one in asks), *suspended_tokens(overrides), *refused_to)
    )
    asked_sites, more_asked = list_asked_sites(room(), asks, device_names)
    requests = [
        (state, describe_state(state, agent_response, now), _related_names(state, now))
        for state in agent_response.requests
    ]
    return render_template(
        "today/today.html",
        form=form,
        may_ask_anyway=may_ask_anyway,
        report_form=report_form or ReportForm(formdata=None),
        is_report_open=report_form is not None,
        outlook=look_ahead(room(), form.site.data, agent_response.requests) if _is_first_look(form) else None,
        quick_reasons=QUICK_REASONS,
        refused=rows,
        now=now,
        own=overrides,
        more_minutes=MORE_MINUTES,
        closed_in_lessons={one.id: find_closed_sites(room(), one.sites) for one in overrides.lessons}
        if overrides is not None
        else {},
        asked_sites=asked_sites,
        more_asked=more_asked,
        answered_sites=list_answered_sites(asks),
        device_names=device_names,
        answers=answers,
        refusals=refusals,
        trouble=trouble,
        asked_again=frozenset(rpc.again_id(state.request.id) for state in agent_response.requests)
        & {state.request.id for state in agent_response.requests},
        again_id=rpc.again_id,
        requests=[one for one in requests if _still_matters(one[0], now)],
        requests_before=[one for one in requests if not _still_matters(one[0], now)],
        put_aside=[one for one in agent_response.dead_letters if one.kind != "request"],
        kind=lambda one: _KINDS[one],
        dealt_with=[
            one for one in agent_response.closed_incidents if one.happened_at >= school_clock().midnight()
        ],
        status=room().fetch_status(),
        moment_of=lambda second: datetime.fromtimestamp(second, UTC),
    )


def _is_first_look(form: RequestForm) -> bool:
    """Tell whether a site was chosen, and nothing of the form was sent yet."""
    return request.method == "GET" and bool(form.site.data)


def _still_matters(state: RequestState, now: datetime) -> bool:
    """Tell whether somebody in front of a class should see it: it waits, is open, or was answered just now."""
    if state.state == "waiting":
        return True
    if state.state == "approved" and not state.permanent:
        return state.until is None or state.until > now
    return state.state in ("approved", "denied") and now - (state.decided_at or state.request.asked_at) < _NEWS


def _seen_with(site: str) -> tuple[str, ...]:
    """Return what a site also asked for when it was open earlier today."""
    try:
        return room().list_names_seen_with(site)
    except LogUnreadable:
        return ()


def _related_names(state: RequestState, now: datetime) -> tuple[RelatedName, ...]:
    """Return what an open site also asked for, while it is open."""
    if state.state != "approved" or state.until is None or state.until <= now:
        return ()
    try:
        return room().list_related_names(state)
    except LogUnreadable:
        return ()


def _call_agent(question: rpc.RpcRequest) -> rpc.RpcResponse | None:
    """Return what the agent answers; None where it does not, or said no, which is said then."""
    try:
        return room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{translate_reason(no)}.", "warning")
        return None
