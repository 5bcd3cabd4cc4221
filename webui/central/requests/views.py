"""The inbox: requests and site reports that wait, what is open, what was decided; and deciding it."""

from datetime import datetime
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import (
    inbox,
    mail_outbox,
    notices,
    permanent_openings,
    profiles,
    request_expiry,
    requests,
    site_bundles,
)
from appliance.central.decision_preview import SitePreview
from appliance.central.devices.groups import list_empty_groups
from appliance.central.errors import CentralError, NotFound, NotPossible
from appliance.central.models import RequestRow, UnblockRow, UserRow
from appliance.central.rooms import name_rooms
from appliance.rights import Right
from dns.policy.site_names import reason_why_not
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import LOCAL_TIME, require_valid, school_moment
from webui.central.requests.forms import DecisionForm, NoticesForm, PassOnForm, RequestDaysForm
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

DECISIONS = ("approve", "deny", "permanent")

blueprint = create_feature_blueprint("requests", __name__, home="requests.queue")


@blueprint.get("/requests")
@requires(Right.DECIDE_REQUESTS)
def queue() -> str:
    """Show what waits for a decision, what is open now or planned, and what teachers reported."""
    words = request.args.get("q", "").strip()
    with central().store.read_session() as session:
        now, who = central().now(), current_username()
        openings = inbox.read_openings(session, now, words=words)
        found = inbox.read_inbox(session, who=who, words=words, page=request.args.get("page", 1, type=int))
        return render_template(
            "requests/queue.html",
            found=found,
            words=words,
            previews={one.id: _preview(session, one) for one in found.requests},
            open_now=openings.openings,
            still_closed=central().preview.find_still_closed(session, openings.openings),
            more_open=openings.count - len(openings.openings),
            decided=inbox.read_decided(session, words=words, page=1).requests[:10],
            request_days=request_expiry.get_request_days(session),
            max_request_days=request_expiry.MAX_REQUEST_DAYS,
            rooms=name_rooms(session).values(),
            site_to_open=request.args.get("open", ""),
            **_form_values(session, now),
        )


@blueprint.get("/requests/decided")
@requires(Right.DECIDE_REQUESTS)
def decided() -> str:
    """Show what was decided, a page at a time."""
    words = request.args.get("q", "").strip()
    with central().store.read_session() as session:
        found = inbox.read_decided(session, words=words, page=request.args.get("page", 1, type=int))
        return render_template("requests/decided.html", found=found, words=words)


@blueprint.get("/requests/<request_id>")
@requires(Right.DECIDE_REQUESTS)
def show(request_id: str) -> str:
    """Show one request, to decide it: where a link leads. Nothing is decided by following one."""
    with central().store.read_session() as session:
        return _render_request(session, request_id, DecisionForm(formdata=None))


@blueprint.post("/requests/<request_id>/decide")
@requires(Right.DECIDE_REQUESTS)
def decide(request_id: str) -> str | Redirect:
    """Approve or deny a request. What cannot be done is said beside the form, which stays filled."""
    form = DecisionForm()
    try:
        _decide(request_id, require_valid(form))
    except CentralError as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        with central().store.read_session() as session:
            found = requests.find_request(session, request_id)
            if found is not None and found.state == "waiting":
                return _render_request(session, request_id, form)
    return redirect(url_for("requests.queue"))


def _decide(request_id: str, form: DecisionForm) -> None:
    now, by = central().now(), current_username()
    decision = request.form.get("decision")
    if decision not in DECISIONS:
        raise NotPossible("say what you have decided, with one of the buttons")
    with central().store.write_session() as session:
        if decision == "deny":
            requests.deny_request(session, now, request_id=request_id, by=by, answer=form.denial)
            flash_with_undo(
                gettext("The request was denied; the teacher sees your words."),
                url_for("requests.reopen", request_id=request_id),
            )
            return
        groups = (form.group.data,) if form.group.data else ()
        wanted = requests.require_waiting(session, now, request_id)
        names = form.further_names if "names" in request.form and decision == "approve" else None
        central().preview.require_opening(
            session, wanted.site, wanted.also if names is None else names, groups,
            "Nothing was opened; the request still waits",
        )  # fmt: skip
        if decision == "permanent":
            permanent_openings.make_request_permanent(
                session, now, request_id=request_id, by=by, answer=form.answer.data or ""
            )
            undo = url_for("requests.undo_permanent", request_id=request_id)
            flash_with_undo(
                gettext("%(site)s is open for good, in every room, for everybody.", site=wanted.site), undo
            )
            return
        unblock = requests.approve_request(
            session, now, request_id=request_id, by=by, minutes=form.minutes.data, scope=form.scope.data,
            groups=groups, answer=form.answer.data or "", since=school_moment(form.start), also=names,
        )  # fmt: skip
        flash_with_undo(describe_opening(unblock, now), url_for("unblocks.end", unblock_id=unblock.id))


@blueprint.post("/requests/<request_id>/reopen")
@requires(Right.DECIDE_REQUESTS)
def reopen(request_id: str) -> Redirect:
    """Have a request wait again that was denied, or that nobody decided in time."""
    with central().store.write_session() as session:
        requests.reopen_request(session, central().now(), request_id=request_id, by=current_username())
    flash(gettext("The request waits again."))
    return redirect(url_for("requests.queue"))


@blueprint.post("/requests/<request_id>/undo-permanent")
@requires(Right.EDIT_RULES)
def undo_permanent(request_id: str) -> Redirect:
    """Take away the rules that came of a request."""
    with central().store.write_session() as session:
        permanent_openings.undo_permanent_request(
            session, central().now(), request_id=request_id, by=current_username()
        )
    flash(gettext("It is as it was before: the rule is gone."))
    return redirect(url_for("requests.queue"))


@blueprint.post("/requests/<request_id>/pass-on")
@requires(Right.DECIDE_REQUESTS)
def pass_on(request_id: str) -> Redirect:
    """Ask a colleague to decide a request."""
    form = require_valid(PassOnForm())
    now = central().now()
    with central().store.write_session() as session:
        requests.pass_request_on(
            session, now, request_id=request_id, by=current_username(), to=form.to.data,
            note=form.note.data or "",
        )  # fmt: skip
        found = requests.require_waiting(session, now, request_id)
        notices.notify_colleague(session, now, found, url=central().settings.central.url)
    flash(gettext("Passed on to %(name)s. It stays here as well, until one of you decides.", name=form.to.data))
    return redirect(url_for("requests.queue"))


@blueprint.get("/requests/notices")
@requires(Right.DECIDE_REQUESTS)
def show_notices() -> str:
    """Show which notices whoever looks has chosen."""
    with central().store.read_session() as session:
        user = session.get_one(UserRow, current_username())
        chosen = notices.find_notices(session, user.username)
        form = NoticesForm(formdata=None, email=user.email, on_request=chosen.on_request, digest=chosen.digest)
    has_mail = central().settings.mail is not None
    return render_template("requests/notices.html", form=form, has_mail=has_mail)


@blueprint.post("/requests/notices")
@requires(Right.DECIDE_REQUESTS)
def choose_notices() -> str | Redirect:
    """Choose one's own notices."""
    form = NoticesForm()
    now, who = central().now(), current_username()
    try:
        require_valid(form)
        with central().store.write_session(affects_rooms=False) as session:
            mail_outbox.set_mail_address(session, now, username=who, address=form.email.data or "", by=who)
            notices.choose_notices(
                session, now, username=who, on_request=form.on_request.data, digest=form.digest.data, by=who
            )
    except CentralError as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        has_mail = central().settings.mail is not None
        return render_template("requests/notices.html", form=form, has_mail=has_mail)
    flash(gettext("Saved."))
    return redirect(url_for("requests.show_notices"))


@blueprint.post("/requests/days")
@requires(Right.DELEGATE)
def set_days() -> Redirect:
    """Let requests wait for so many school days."""
    form = require_valid(RequestDaysForm())
    with central().store.write_session(affects_rooms=False) as session:
        request_expiry.set_request_days(session, central().now(), days=form.days.data, by=current_username())
    flash(gettext("Saved. What waits already keeps its time."))
    return redirect(url_for("requests.queue"))


def describe_opening(unblock: UnblockRow, now: datetime) -> str:
    """Return what is open by now, or will be: never that something is open before its time."""
    words = school_clock().words
    if unblock.since > now:
        return gettext(
            "%(site)s opens by itself: %(since)s, until %(until)s.",
            site=unblock.site,
            since=words(unblock.since),
            until=words(unblock.until),
        )
    return gettext("%(site)s is open until %(until)s.", site=unblock.site, until=words(unblock.until))


def _render_request(session: Session, request_id: str, form: DecisionForm) -> str:
    found = requests.find_request(session, request_id)
    if found is None:
        raise NotFound("there is no such request")
    return render_template(
        "requests/request.html",
        one=found,
        preview=_preview(session, found) if found.state == "waiting" else None,
        history=inbox.read_history(session, found),
        typed=form if form.is_submitted() else None,
        **_form_values(session, central().now()),
    )


def _form_values(session: Session, now: datetime) -> dict[str, object]:
    """Return what a form for a decision needs."""
    return {
        "decision": DecisionForm(formdata=None),
        "profiles": profiles.list_profiles(session),
        "empty_groups": list_empty_groups(session),
        "colleagues": inbox.list_colleagues(session, now, current_username()),
        "needed_names": partial(site_bundles.needed_with, session),
        **opening_values(now),
    }


def opening_values(now: datetime) -> dict[str, object]:
    """Return what the list of openings needs."""
    return {
        "now": now,
        "too_wide": reason_why_not,
        "local_time": lambda moment: f"{school_clock().local(moment):{LOCAL_TIME}}",
    }


def _preview(session: Session, one: RequestRow) -> SitePreview:
    return central().preview.preview_site(session, one.site, tuple(one.also))
