"""Where notices go to whoever is signed in: one's own e-mail address, for whatever role one has."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import mail_outbox
from appliance.central.errors import CentralError
from appliance.central.models import UserRow
from appliance.rights import Right
from webui.central.accounts.forms import OwnEmailForm
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("own_email", __name__, home="own_email.show")


@blueprint.get("/your-email")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """Show one's own address."""
    with central().store.read_session() as session:
        email = session.get_one(UserRow, current_username()).email
    return _render(OwnEmailForm(formdata=None, email=email))


@blueprint.post("/your-email")
@requires(Right.MANAGE_OWN_SIGN_INS)
def change() -> Redirect | str:
    """Give oneself another address, or none. What is no address comes back filled in."""
    form, who = OwnEmailForm(), current_username()
    try:
        require_valid(form)
        with central().store.write_session(affects_rooms=False) as session:
            mail_outbox.set_mail_address(
                session, central().now(), username=who, address=form.email.data or "", by=who
            )
    except CentralError as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        return _render(form)
    flash(gettext("Saved."))
    return redirect(url_for("own_email.show"))


def _render(form: OwnEmailForm) -> str:
    return render_template("accounts/own_email.html", form=form, has_mail=central().settings.mail is not None)
