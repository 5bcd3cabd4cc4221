"""The schools of a trust: registered, invited, renamed, let go, revoked; how it stands with each."""

import re
from typing import Literal

from flask import Response, flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central.errors import CentralError, NotFound
from appliance.central.models import TrustEntryRow, TrustSchoolRow
from appliance.rights import Right
from appliance.trust import entries, invitations, school_list
from appliance.trust import schools as services
from webui.central.blueprints import create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.paged_rows import find_requested_rows
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext
from webui.trust.blueprints import trust
from webui.trust.schools.forms import InvitationForm, SchoolForm, SchoolNameForm, list_zones
from webui.trust.schools.state_words import describe_state, describe_step

How = Literal["retire", "revoke"]

blueprint = create_feature_blueprint("schools", __name__, home="schools.show")


@blueprint.errorhandler(NotFound)
def _say_there_is_none(problem: NotFound) -> Redirect:
    flash(f"{translate_reason(problem)}.", "warning")
    return redirect(url_for("schools.show"))


@blueprint.get("/schools")
@requires(Right.SEE_TRUST)
def show() -> str:
    """Show the schools, and how it stands with each."""
    return _schools_page(SchoolForm())


@blueprint.post("/schools")
@requires(Right.MANAGE_SCHOOLS)
def add() -> str | Redirect:
    """Register a school."""
    form = SchoolForm()
    try:
        require_valid(form)
        with trust().store.write_session() as session:
            made = services.register_school(
                session, trust().now(), name=form.name.data, timezone=form.timezone.data, by=current_username()
            )
            school_id, name = made.id, made.name
    except CentralError as problem:
        return _schools_page(form, str(problem))
    flash(gettext("%(name)s is registered. Make its invitation next.", name=name))
    return redirect(url_for("schools.show_school", school_id=school_id))


@blueprint.get("/schools/<school_id>")
@requires(Right.SEE_TRUST)
def show_school(school_id: str) -> str:
    """Show a school: how it stands, what holds there, and what can be done."""
    return _school_page(school_id)


@blueprint.post("/schools/<school_id>/invitation")
@requires(Right.MANAGE_SCHOOLS)
def invite(school_id: str) -> str | Response:
    """Make an invitation, and hand it out as a file: nothing else keeps its token."""
    form = InvitationForm()
    try:
        require_valid(form)
        with trust().store.write_session() as session:
            school = _get_school(session, school_id)
            invitations.require_address(trust().settings)
            token = services.invite_school(
                session, trust().now(), school=school, by=current_username(), days=form.days.data
            )
            made = invitations.make_invitation(session, trust().settings, school=school, token=token)
            name = re.sub(r"[^a-z0-9]+", "-", school.name.casefold()).strip("-") or "school"
    except NotFound:
        raise
    except CentralError as problem:
        return _school_page(school_id, str(problem))
    response = Response(made, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name[:60]}.invitation"'
    return response


@blueprint.post("/schools/<school_id>/invitation/withdraw")
@requires(Right.MANAGE_SCHOOLS)
def withdraw(school_id: str) -> Redirect:
    """Take an invitation back that nobody has used yet."""
    with trust().store.write_session() as session:
        school = _get_school(session, school_id)
        services.withdraw_invitation(session, trust().now(), school=school, by=current_username())
        name = school.name
    flash(
        gettext("The invitation for %(name)s is of no use any more. Another can be made at any time.", name=name)
    )
    return redirect(url_for("schools.show_school", school_id=school_id))


@blueprint.post("/schools/<school_id>/name")
@requires(Right.MANAGE_SCHOOLS)
def rename(school_id: str) -> str | Redirect:
    """Give a school another name."""
    form = SchoolNameForm()
    try:
        require_valid(form)
        with trust().store.write_session() as session:
            school = _get_school(session, school_id)
            services.rename_school(
                session, trust().now(), school=school, name=form.name.data, by=current_username()
            )
            name = school.name
    except NotFound:
        raise
    except CentralError as problem:
        return _school_page(school_id, str(problem))
    flash(gettext("It is called %(name)s now.", name=name))
    return redirect(url_for("schools.show_school", school_id=school_id))


@blueprint.get("/schools/<school_id>/<any(retire, revoke):how>")
@requires(Right.MANAGE_SCHOOLS)
def ask_before_end(school_id: str, how: How) -> str:
    """Say what it means to let a school go, or to revoke it, before that is done."""
    with trust().store.read_session() as session:
        school = _get_school(session, school_id)
        holds = len(_entries_of(session, school))
    return render_template("schools/end.html", one=school, how=how, holds=holds)


@blueprint.post("/schools/<school_id>/<any(retire, revoke):how>")
@requires(Right.MANAGE_SCHOOLS)
def end(school_id: str, how: How) -> Redirect:
    """Let a school go, or revoke it."""
    change = services.retire_school if how == "retire" else services.revoke_school
    with trust().store.write_session() as session:
        school = _get_school(session, school_id)
        change(session, trust().now(), school=school, by=current_username())
        name = school.name
    if how == "retire":
        flash(gettext("%(name)s is let go: its central hears of it within a minute.", name=name))
    else:
        flash(gettext("%(name)s is answered no more; what was laid down holds there.", name=name))
    return redirect(url_for("schools.show_school", school_id=school_id))


def _get_school(session: Session, school_id: str) -> TrustSchoolRow:
    found = session.get(TrustSchoolRow, school_id)
    if found is None:
        raise NotFound("there is no such school")
    return found


def _entries_of(session: Session, school: TrustSchoolRow) -> list[TrustEntryRow]:
    """Return what holds at a school."""
    if school.state in services.ENDED_WORDS:
        return []
    found = entries.list_entries(session, entries.KINDS)
    return [one for one in found if not one.schools or school.id in one.schools]


def _schools_page(form: SchoolForm, mistake: str = "") -> str:
    now = trust().now()
    with trust().store.read_session() as session:
        listed = school_list.list_schools(session, now)
        behind = trust().digests.list_behind(session)
    return render_template(
        "schools/schools.html",
        found=find_requested_rows(
            listed,
            describe=lambda one: f"{one.name} {describe_state(one, now)} {describe_step(one, behind)}",
        ),
        state_of=lambda one: describe_state(one, now),
        step_of=lambda one: describe_step(one, behind),
        zones=list_zones(),
        form=form,
        mistake=mistake,
    )


def _school_page(school_id: str, mistake: str = "") -> str:
    now = trust().now()
    with trust().store.read_session() as session:
        school = _get_school(session, school_id)
        one = school_list.list_school(school, now)
        holds = _entries_of(session, school)
        behind = trust().digests.list_behind(session)
    rename_form = SchoolNameForm(formdata=None)
    rename_form.name.data = one.name
    return render_template(
        "schools/school.html",
        one=one,
        state=describe_state(one, now),
        step=describe_step(one, behind),
        holds=holds,
        invitation_form=InvitationForm(formdata=None),
        rename_form=rename_form,
        is_ended=one.state in services.ENDED_WORDS,
        is_revoked=one.state == services.REVOKED,
        mistake=mistake,
    )
