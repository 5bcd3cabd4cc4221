"""A teacher's answer to what pupils ask for: yes (opens it where the teacher may, asks else) or no."""

import secrets
from datetime import UTC, datetime

from flask import flash, redirect, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as Redirect
from wtforms import HiddenField, RadioField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from appliance.errors import HallpassError
from appliance.protocol import UnblockRequest
from appliance.rights import Right
from appliance.room.agent import rpc
from appliance.room.query_log.reader import LogUnreadable
from dns.errors import InvalidName
from dns.policy.site_names import check_opening
from webui.room.asks.asked_sites import minutes_of_yes
from webui.room.blueprints import create_feature_blueprint, room
from webui.room.form_fields import describe_errors
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, lazy_gettext

blueprint = create_feature_blueprint("asks", __name__)


def _validate_site(_form: FlaskForm, field: StringField) -> None:
    try:
        field.data = check_opening(field.data or "")
    except InvalidName as problem:
        raise ValidationError(f"{translate_reason(problem)}.") from None


class AnswerForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Yes or no to a site. The key makes the same button pressed twice one request."""

    site = StringField(
        lazy_gettext("Site"), [InputRequired(lazy_gettext("Which site?")), Length(max=2000), _validate_site]
    )
    answer = RadioField(lazy_gettext("Answer"), choices=["yes", "no", "undo"])
    key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[Regexp(r"[0-9a-f]{32}\Z", message=lazy_gettext("Please send it again."))],
    )


@blueprint.post("/asks")
@requires(Right.REQUEST_UNBLOCKS)
def answer_ask() -> Redirect:
    """Answer everybody who asks for a site."""
    form = AnswerForm()
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return redirect(url_for("today.show"))
    site, answer = form.site.data, form.answer.data
    request = _make_request(site, form.key.data) if answer == "yes" else None
    question = rpc.AnswerAskRequest(who=current_username(), site=site, answer=answer, request=request)
    try:
        until = room().call_agent(question).opened_until
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{translate_reason(no)}.", "warning")
        return redirect(url_for("today.show"))
    if answer == "no":
        flash_with_undo(
            gettext("%(site)s: whoever asked reads “not this time”.", site=site), url_for("asks.answer_ask"),
            site=site, answer="undo", key=secrets.token_hex(16),
        )  # fmt: skip
    elif answer == "undo":
        flash(gettext("%(site)s waits for your answer again.", site=site))
    elif until is not None:
        words = gettext(
            "%(site)s is open until %(until)s: you may open it by yourself.",
            site=site, until=school_clock().words(until),
        )  # fmt: skip
        flash_with_undo(words, url_for("today.withdraw_request", request_id=form.key.data))
    else:
        flash(
            gettext(
                "The coordinator was asked for %(site)s. Whoever asked you reads that you said yes.", site=site
            )
        )
    return redirect(url_for("today.show"))


def _make_request(site: str, key: str) -> UnblockRequest:
    asks = [one for one in room().list_pupil_asks() if one.site == site and one.state == "waiting"]
    try:
        view = room().policy.view_of_default_group()
    except HallpassError:
        view = None
    now = datetime.now(UTC)
    minutes, _ = minutes_of_yes(view, site, now.timestamp())
    try:
        seen_with = room().list_names_seen_with(site)
    except LogUnreadable:
        seen_with = ()
    return UnblockRequest(
        id=key,
        site=site,
        reason=f"{len(asks)} pupils asked for it in class" if len(asks) > 1 else "A pupil asked for it in class",
        minutes=minutes,
        teacher=current_username(),
        asked_at=now,
        seen_with=seen_with,
    )
