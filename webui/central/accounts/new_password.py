"""The page behind a link that somebody was given: it sets their password, once. Needs no account to come to."""

from flask import flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import account_links
from appliance.central.errors import CentralError
from appliance.rights import Right, has_right
from webui.central.accounts.forms import NewPasswordForm
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.shared.access import requires, site_scope
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("new_password", __name__, home=START)


@blueprint.get("/new-password/<token>")
@requires(Right.VISIT)
def show(token: str) -> str | Redirect:
    """Show the form; a link that is only looked at stays as it is."""
    return _page(token, NewPasswordForm())


@blueprint.post("/new-password/<token>")
@requires(Right.VISIT)
def save(token: str) -> str | Redirect:
    """Set the password. The link ends with it."""
    form = NewPasswordForm()
    try:
        require_valid(form)
        with central().store.write_session() as session:
            account = account_links.find_account(session, central().now(), token)
            username = account_links.use_link(session, central().now(), token=token, password=form.new.data)
    except CentralError as problem:
        return _page(token, form, str(problem))
    flash(gettext("Your password is set; your user name is %(username)s.", username=username))
    works_here = account is not None and has_right(account.roles, Right.SIGN_IN, site_scope())
    return redirect(url_for("sign_in" if works_here else "new_password.show_rooms_way"))


@blueprint.get("/your-room")
@requires(Right.VISIT)
def show_rooms_way() -> str:
    """Say where a teacher signs in: not here, where a form would only turn them away."""
    return render_template("accounts/your_room.html")


def _page(token: str, form: NewPasswordForm, mistake: str = "") -> str | Redirect:
    with central().store.read_session() as session:
        account = account_links.find_account(session, central().now(), token)
    if account is None:
        words = translate_reason(account_links.DEAD_LINK)
        advice = gettext("Please ask whoever gave it to you for a new one.")
        words = f"{words[0].upper()}{words[1:]}. {advice}"
        return make_response(render_template("shared/problem.html", words=words), 404)
    return render_template("accounts/new_password.html", form=form, account=account, mistake=mistake)
