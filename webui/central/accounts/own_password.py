"""One's own password, and signing out everywhere: at central and, as soon as they hear of it, in all rooms."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import accounts
from appliance.central.errors import CentralError
from appliance.central.sessions import renew_session
from appliance.central.sign_in import PAGES
from appliance.rights import Right, Scope
from appliance.sign_in_throttle import SignInOrigin, TooManyTries
from webui.central.accounts.forms import OwnPasswordForm
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.shared.access import requires, site_scope
from webui.shared.auth import current_device, current_session_id, current_username
from webui.shared.client_address import client_address
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("own_password", __name__, home="own_password.show")


@blueprint.get("/your-password")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """Show the form."""
    return render_template("accounts/own_password.html", form=OwnPasswordForm())


@blueprint.post("/your-password")
@requires(Right.MANAGE_OWN_SIGN_INS)
def change() -> Redirect:
    """Set another password; every sign-in but this one ends, and what rooms keep of the old one."""
    form, who = require_valid(OwnPasswordForm()), current_username()
    require_own_password(form.password.data)
    with central().store.write_session() as session:
        accounts.set_password(session, central().now(), username=who, password=form.new.data, by=who)
        renew_session(session, current_session_id())
    flash(gettext("Your password is a new one. You are signed out everywhere else."))
    return redirect(url_for("sign_ins.show"))


def require_own_password(password: str) -> None:
    """Raise CentralError unless this is the password of whoever is signed in; guesses count as at signing in."""
    origin = SignInOrigin(place=PAGES, source=client_address(request), device=current_device())
    answer = central().sign_in.check_password(origin, current_username(), password)
    if isinstance(answer, TooManyTries):
        raise CentralError(str(answer))
    if answer is None:
        raise CentralError("your password is not right")


@blueprint.post("/your-sign-ins/everywhere/end")
@requires(Right.MANAGE_OWN_SIGN_INS)
def sign_out_everywhere() -> Redirect:
    """End every sign-in of one's own but this one, at central and in rooms."""
    with central().store.write_session() as session:
        accounts.sign_out_everywhere(session, central().now(), username=current_username(), by=current_username())
        renew_session(session, current_session_id())
    if site_scope() is Scope.TRUST:
        flash(gettext("You are signed out everywhere else."))
    else:
        flash(gettext("You are signed out everywhere else; rooms that are away end it when they hear of it."))
    return redirect(url_for("sign_ins.show"))
