"""Who may sign in."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import accounts
from appliance.central.errors import CentralError
from appliance.rights import Right
from webui.central.accounts.forms import AccountForm, end_of_day
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("accounts", __name__, home="accounts.show")


@blueprint.get("/accounts")
@requires(Right.EDIT_ACCOUNTS)
def show() -> str:
    """Show who may sign in."""
    with central().store.read_session() as session:
        return render_template(
            "accounts/accounts.html",
            accounts=accounts.list_accounts(session),
            now=central().now(),
            form=AccountForm(),
        )


@blueprint.post("/accounts")
@requires(Right.EDIT_ACCOUNTS)
def add() -> str:
    """Add an account and show its password, once."""
    form = require_valid(AccountForm())
    password = accounts.generate_password()
    with central().store.write_session(affects_rooms=False) as session:
        user = accounts.add_account(
            session, central().now(), username=form.username.data, name=form.name.data, roles=(form.role.data,),
            password=password, ends=end_of_day(form.ends.data), by=current_username(),
        )  # fmt: skip
    return render_template("accounts/account_added.html", username=user.username, password=password)


@blueprint.post("/accounts/<username>/end")
@requires(Right.EDIT_ACCOUNTS)
def end(username: str) -> Redirect:
    """End an account now."""
    if username == current_username():
        raise CentralError("you cannot end your own account")
    with central().store.write_session() as session:
        accounts.end_account(session, central().now(), username=username, by=current_username())
    flash(f"The account {username} has ended.")
    return redirect(url_for("accounts.show"))
