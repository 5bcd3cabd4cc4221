"""Of which roles the school asks a second step, since when, and who may go nowhere before they have one."""

from flask import Flask, flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as Redirect

from appliance.central import second_factor_rule
from appliance.central.errors import CentralError
from appliance.rights import Right
from webui.central.accounts.forms import start_of_day
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.second_factor.forms import SecondFactorRuleForm
from webui.central.second_factor.views import HOME
from webui.shared.access import requested_right, requires
from webui.shared.auth import current_username
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

# Where somebody who has to set one up may go all the same.
_OPEN = frozenset({"second_factor", "own_password", "sign_ins"})
# What a page is made of, and the way out. No other page that is for anybody: one of them may lead on to a room.
_ALWAYS = frozenset(
    {"static", "shared.static", "shared.stylesheet", "bootstrap.static", "sign_out", "languages.choose"}
)

blueprint = create_feature_blueprint("second_factor_rule", __name__, home="second_factor_rule.show")


def install_second_factor_rule(app: Flask) -> None:
    """Lead whoever has to have a second step, and has none, to where it is set up: from every other page."""

    @app.before_request
    def ask_for_second_factor() -> Redirect | None:
        if requested_right() is None or request.endpoint in _ALWAYS or not current_user.is_authenticated:
            return None
        if current_user.account.has_second_factor:
            return None
        with central().store.read_session() as session:
            rule = second_factor_rule.read_rule(session)
        g.second_factor_due = rule.due(current_user.account.roles, has_second_factor=False)
        if g.second_factor_due is None or g.second_factor_due > central().now() or request.blueprint in _OPEN:
            return None
        return redirect(url_for(HOME))


@blueprint.get("/second-step")
@requires(Right.EDIT_ACCOUNTS)
def show() -> str:
    """Show of whom a second step is asked."""
    form = SecondFactorRuleForm()
    with central().store.read_session() as session:
        rule = second_factor_rule.read_rule(session)
    form.roles.data = list(rule.roles)
    form.since.data = school_clock().local(rule.since).date() if rule.since else None
    return _page(form)


@blueprint.post("/second-step")
@requires(Right.EDIT_ACCOUNTS)
def save() -> str | Redirect:
    """Ask it of these roles, and of no others."""
    form = SecondFactorRuleForm()
    try:
        require_valid(form)
        with central().store.write_session() as session:
            second_factor_rule.ask_of_roles(
                session,
                central().now(),
                roles=form.roles.data or (),
                since=start_of_day(form.since.data),
                by=current_username(),
            )
    except CentralError as problem:
        return _page(form, str(problem))
    flash(gettext("Saved: this is of whom a second step is asked."))
    return redirect(url_for("second_factor_rule.show"))


def _page(form: SecondFactorRuleForm, mistake: str = "") -> str:
    with central().store.read_session() as session:
        without = second_factor_rule.list_without(session, central().now())
    return render_template("second_factor/rule.html", form=form, without=without, mistake=mistake)
