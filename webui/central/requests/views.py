"""Requests: what waits for a decision, and deciding it."""

from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import profiles, reports, request_expiry, requests, unblocks
from appliance.central.devices.groups import list_empty_groups
from appliance.central.models import UnblockRow
from appliance.rights import Right
from dns.policy.site_names import reason_why_not
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid, school_moment
from webui.central.requests.forms import DecisionForm, RequestDaysForm
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.school_clock import school_clock

MOST_PREVIEWS = 50  # requests of which the page says what opening them would do

blueprint = create_feature_blueprint("requests", __name__, home="requests.queue")


@blueprint.get("/requests")
@requires(Right.DECIDE_REQUESTS)
def queue() -> str:
    """Show what waits for a decision, what is open now, and what teachers reported."""
    with central().store.read_session() as session:
        now = central().now()
        waiting = requests.list_waiting_requests(session)
        return render_template(
            "requests/queue.html",
            waiting=waiting,
            previews={
                one.id: central().preview.preview_site(session, one.site, tuple(one.also))
                for one in waiting[:MOST_PREVIEWS]
            },
            open_now=unblocks.list_active_unblocks(session, now),
            decided=requests.list_decided_requests(session, 20),
            reports=reports.list_open_reports(session),
            decision=DecisionForm(),
            request_days=request_expiry.get_request_days(session),
            max_request_days=request_expiry.MAX_REQUEST_DAYS,
            profiles=profiles.list_profiles(session),
            empty_groups=list_empty_groups(session),
            now=now,
            too_wide=reason_why_not,
        )


@blueprint.post("/requests/<request_id>/decide")
@requires(Right.DECIDE_REQUESTS)
def decide(request_id: str) -> Redirect:
    """Approve or deny a request."""
    form = require_valid(DecisionForm())
    now, by = central().now(), current_username()
    with central().store.write_session() as session:
        if request.form.get("decision") == "deny":
            words = form.answer.data or "Not this time."
            requests.deny_request(session, now, request_id=request_id, by=by, answer=words)
            flash_with_undo(
                "The request was denied; the teacher sees your words.",
                url_for("requests.reopen", request_id=request_id),
            )
        else:
            groups = (form.group.data,) if form.group.data else ()
            if why_not := _why_it_would_not_open(session, request_id, groups):
                flash(f"{why_not} Nothing was opened; the request still waits.", "warning")
                return redirect(url_for("requests.queue"))
            unblock = requests.approve_request(
                session, now, request_id=request_id, by=by, minutes=form.minutes.data, scope=form.scope.data,
                groups=groups, answer=form.answer.data or "", since=school_moment(form.start),
            )  # fmt: skip
            undo = url_for("unblocks.end", unblock_id=unblock.id)
            flash_with_undo(describe_opening(unblock, now), undo)
    return redirect(url_for("requests.queue"))


@blueprint.post("/requests/<request_id>/reopen")
@requires(Right.DECIDE_REQUESTS)
def reopen(request_id: str) -> Redirect:
    """Have a request wait again that was denied, or that nobody decided in time."""
    with central().store.write_session() as session:
        requests.reopen_request(session, central().now(), request_id=request_id, by=current_username())
    flash("The request waits again.")
    return redirect(url_for("requests.queue"))


@blueprint.post("/requests/days")
@requires(Right.DELEGATE)
def set_days() -> Redirect:
    """Let requests wait for so many school days."""
    form = require_valid(RequestDaysForm())
    with central().store.write_session(affects_rooms=False) as session:
        request_expiry.set_request_days(session, central().now(), days=form.days.data, by=current_username())
    flash("Saved. What waits already keeps its time.")
    return redirect(url_for("requests.queue"))


def describe_opening(unblock: UnblockRow, now: datetime) -> str:
    """Return what is open by now, or will be: never that something is open before its time."""
    words = school_clock().words
    if unblock.since > now:
        return f"{unblock.site} opens by itself: {words(unblock.since)}, until {words(unblock.until)}."
    return f"{unblock.site} is open until {words(unblock.until)}."


def _why_it_would_not_open(session: Session, request_id: str, groups: tuple[str, ...]) -> str:
    """Return why an approval would open nothing; "" where it would, or where there is no such request."""
    wanted = requests.find_request(session, request_id)
    if wanted is None:
        return ""
    return central().preview.preview_site(session, wanted.site, tuple(wanted.also), groups).why_not
