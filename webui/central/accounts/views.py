"""Who may sign in: everybody for the coordinator, supply teachers alone for the office; at a trust its people."""

from datetime import datetime

from flask import abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import account_links, account_management, accounts, rooms
from appliance.central.account_management import SUPPLY, may_manage
from appliance.central.errors import CentralError, NotPossible
from appliance.central.first_start import suggest_username
from appliance.central.models import UserRow
from appliance.rights import TRUST_ROLES, Right, Role, Scope, has_right
from webui.central.accounts.forms import AccountForm, ReturnForm, end_of_day
from webui.central.accounts.made_links import remember_link
from webui.central.accounts.role_names import name_roles
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.paged_rows import find_requested_rows
from webui.shared.access import requires, site_scope
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("accounts", __name__, home="accounts.show")


@blueprint.get("/accounts")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def show() -> str:
    """Show who may sign in, of those whom whoever asks may manage."""
    return _people_page(_create_form())


@blueprint.post("/accounts")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def add() -> str | Redirect:
    """Add an account, and go to the link by which its owner sets a password."""
    form = _create_form()
    try:
        require_valid(form)
        now = central().now()
        with central().store.write_session(affects_rooms=False) as session:
            roles, ends = _chosen_roles(form), end_of_day(form.ends.data)
            account_management.check_end(now, roles, ends)
            user = accounts.add_account(
                session, now, username=_chosen_username(session, form), name=form.name.data, roles=roles,
                password=None, ends=ends, by=current_username(),
                room_ids=account_management.checked_rooms(session, form.rooms.data or ()),
            )  # fmt: skip
            session.flush()
            link = account_links.make_link(session, now, username=user.username, by=current_username())
    except CentralError as problem:
        return _people_page(form, str(problem))
    remember_link(link, user.username)
    return redirect(url_for("made_links.show", handle=link.handle))


@blueprint.get("/accounts/<username>")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def edit(username: str) -> str:
    """Show one account, to change it."""
    with central().store.read_session() as session:
        user = get_managed(session, username)
    form = _create_form()
    form.username.data, form.name.data, form.rooms.data = user.username, user.name, user.room_ids
    form.ends.data = school_clock().local(user.ends).date() if user.ends else None
    if form.roles is not None:
        form.roles.data = user.roles
    return _account_page(user, form)


@blueprint.post("/accounts/<username>")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def change(username: str) -> str | Redirect:
    """Give an account another name, other roles, another end, other rooms."""
    form, now = _create_form(), central().now()
    form.username.data = username
    with central().store.read_session() as session:
        before = get_managed(session, username)
    try:
        require_valid(form)
        with central().store.write_session() as session:
            user = get_managed(session, username)
            ends = end_of_day(form.ends.data)
            is_same_day = user.ends and ends and school_clock().day(user.ends) == school_clock().day(ends)
            account_management.change_account(
                session, now, username=username, name=form.name.data, roles=_chosen_roles(form),
                ends=user.ends if is_same_day else ends, room_ids=form.rooms.data or (), by=current_username(),
            )  # fmt: skip
            _require_somebody_left(session, now)
    except CentralError as problem:
        return _account_page(before, form, str(problem))
    flash(
        gettext(
            "The account %(username)s is as you said. Where its roles or rooms changed, it is signed out.",
            username=username,
        )
    )
    return redirect(url_for("accounts.show"))


@blueprint.post("/accounts/<username>/end")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def end(username: str) -> Redirect:
    """End an account now."""
    if username == current_username():
        raise CentralError("you cannot end your own account")
    now = central().now()
    with central().store.write_session() as session:
        user = get_managed(session, username)
        if accounts.has_ended(user, now):
            raise NotPossible(f"the account {username} has ended already")
        before = account_management.end_account(session, now, username=username, by=current_username())
        _require_somebody_left(session, now)
    undo = url_for("accounts.undo_end", username=username)
    flash_with_undo(
        gettext("The account %(username)s has ended.", username=username),
        undo,
        until=before.isoformat() if before else "",
    )
    return redirect(url_for("accounts.show"))


@blueprint.post("/accounts/<username>/undo-end")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def undo_end(username: str) -> Redirect:
    """Let an account that was ended just now go on."""
    until = request.form.get("until", "")
    try:
        ends = datetime.fromisoformat(until) if until else None
    except ValueError:
        raise CentralError("that is no day") from None
    if ends is not None and ends.tzinfo is None:
        raise CentralError("that is no day")
    with central().store.write_session() as session:
        get_managed(session, username)
        account_management.undo_end(session, central().now(), username=username, ends=ends, by=current_username())
    flash(gettext("The account %(username)s goes on; its owner signs in again.", username=username))
    return redirect(url_for("accounts.show"))


@blueprint.post("/accounts/<username>/return")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def let_return(username: str) -> Redirect:
    """Let an ended name be used again, and go to the link by which its owner sets a password."""
    form, now, by = require_valid(ReturnForm()), central().now(), current_username()
    with central().store.write_session() as session:
        get_managed(session, username)
        ends = end_of_day(form.ends.data)
        account_management.return_account(session, now, username=username, ends=ends, by=by)
        link = account_links.make_link(session, now, username=username, by=by)
    remember_link(link, username)
    return redirect(url_for("made_links.show", handle=link.handle))


@blueprint.post("/accounts/<username>/link")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def make_link(username: str) -> Redirect:
    """Make a link by which the owner of an account sets a new password."""
    with central().store.write_session(affects_rooms=False) as session:
        user = get_managed(session, username)
        link = account_links.make_link(session, central().now(), username=user.username, by=current_username())
    remember_link(link, user.username)
    return redirect(url_for("made_links.show", handle=link.handle))


def _create_form() -> AccountForm:
    """Return a form with the school's rooms; without roles where there is one alone that can be given."""
    with central().store.read_session() as session:
        choices = list(rooms.name_rooms(session).items())
    form = AccountForm()
    form.rooms.choices = choices
    if _is_trust():
        form.ends.label.text = gettext("Last day (may stay empty)")
    if _is_trust() or not _may_edit_all():
        del form.roles
    return form


def _chosen_username(session: Session, form: AccountForm) -> str:
    return (form.username.data or "").strip() or suggest_username(session, form.name.data)


def _chosen_roles(form: AccountForm) -> tuple[Role, ...]:
    only = TRUST_ROLES if _is_trust() else (SUPPLY,)
    return tuple(form.roles.data) if form.roles is not None else only


def _is_trust() -> bool:
    return site_scope() is Scope.TRUST


def _may_edit_all() -> bool:
    return has_right(current_user.account.roles, Right.EDIT_ACCOUNTS, site_scope())


def get_managed(session: Session, username: str) -> UserRow:
    """Return an account that whoever asks may manage; else nothing is answered but 403. Raises NotFound."""
    user = account_management.get_account(session, username)
    if not may_manage(current_user.account.roles, user.roles, site_scope()):
        abort(403)
    return user


def _require_somebody_left(session: Session, now: datetime) -> None:
    if _may_edit_all():  # nobody else can take anybody's right
        session.flush()
        account_management.require_editor_left(session, now)


def _people_page(form: AccountForm, mistake: str = "") -> str:
    now, roles, scope = central().now(), current_user.account.roles, site_scope()
    names_roles = _may_edit_all() and not _is_trust()
    with central().store.read_session() as session:
        return render_template(
            "accounts/accounts.html",
            found=find_requested_rows(
                (one for one in accounts.list_accounts(session) if may_manage(roles, one.roles, scope)),
                describe=lambda one: f"{one.name} {one.username} {name_roles(one.roles)}",
            ),
            missing=account_management.list_missing_roles(session, now) if names_roles else [],
            lacks_lead=names_roles and not account_management.list_holders(session, now, Right.HANDLE_INCIDENTS),
            is_for_all=_may_edit_all(),
            now=now,
            form=form,
            mistake=mistake,
        )


def _account_page(user: UserRow, form: AccountForm, mistake: str = "") -> str:
    return render_template(
        "accounts/account.html",
        one=user,
        has_ended=accounts.has_ended(user, central().now()),
        form=form,
        sign_ins=central().sessions.list_sessions(user.username),
        return_form=ReturnForm(formdata=None),
        mistake=mistake,
    )
