"""What whoever manages an account can do about its owner's sign-ins: a lost phone, a lost device."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import accounts, openid_accounts, second_factor, undo
from appliance.central.errors import NotPossible
from appliance.rights import Right, Scope
from webui.central.accounts.views import get_managed
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires, site_scope
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("account_sign_ins", __name__, home="accounts.show")


@blueprint.post("/accounts/<username>/second-step/take-off")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def take_off_second_factor(username: str) -> Redirect:
    """Take somebody's second step off: their phone is lost, and so are their recovery codes."""
    if username == current_username():
        raise NotPossible("your own second step you turn off with a code, under your name")
    with central().store.write_session() as session:
        user = get_managed(session, username)
        change = second_factor.take_off(session, central().now(), username=user.username, by=current_username())
    words = gettext(
        "The second step of %(username)s is off, and they are signed out everywhere.", username=username
    )
    flash_with_undo(words, url_for("account_sign_ins.put_second_factor_back", change=change))
    return redirect(url_for("accounts.edit", username=username))


@blueprint.post("/accounts/second-steps/<change>/put-back")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def put_second_factor_back(change: str) -> Redirect:
    """Let a second step count again: it was another one's phone that is lost."""
    with central().store.write_session() as session:
        user = get_managed(session, second_factor.owner_of_change(session, change))
        what = undo.undo_change(
            session, central().now(), change=change, by=current_username(), kinds={second_factor.KIND}
        )
    flash(f"Undone: {what} is as it was before.")
    return redirect(url_for("accounts.edit", username=user.username))


@blueprint.post("/accounts/<username>/sign-out")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def sign_out(username: str) -> Redirect:
    """End every sign-in of somebody's, at central and in rooms."""
    if username == current_username():
        raise NotPossible("your own sign-ins you end under your name")
    with central().store.write_session() as session:
        user = get_managed(session, username)
        accounts.sign_out_everywhere(session, central().now(), username=user.username, by=current_username())
    if site_scope() is Scope.TRUST:
        flash(gettext("%(username)s is signed out everywhere.", username=username))
    else:
        flash(
            gettext(
                "%(username)s is signed out everywhere; rooms that are away end it when they hear of it.",
                username=username,
            )
        )
    return redirect(url_for("accounts.edit", username=username))


@blueprint.post("/accounts/<username>/openid/unlink")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def unlink_openid(username: str) -> Redirect:
    """Forget which person of the school's provider an account is."""
    with central().store.write_session() as session:
        user = get_managed(session, username)
        openid_accounts.unlink(session, central().now(), username=user.username, by=current_username())
    flash(
        gettext(
            "Forgotten which school account %(username)s is; they are signed out everywhere.", username=username
        )
    )
    return redirect(url_for("accounts.edit", username=username))
