"""The page "Your sign-ins": on which devices somebody is signed in at this site, and how they end that."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.rights import Right
from appliance.sessions import hash_session_id, session_handle
from webui.shared.access import requires
from webui.shared.auth import current_session_id, current_username
from webui.shared.sessions import session_table
from webui.shared.translation import gettext, ngettext

blueprint = Blueprint("sign_ins", __name__, url_prefix="/your-sign-ins")


@blueprint.get("")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """Show one's own sign-ins, the one used last first."""
    found = session_table(current_app).list_sessions(current_username())
    own = session_handle(hash_session_id(current_session_id()))
    return render_template("shared/sign_ins.html", sign_ins=found, own=own)


@blueprint.post("/<handle>/end")
@requires(Right.MANAGE_OWN_SIGN_INS)
def end(handle: str) -> Redirect:
    """End one of one's own sign-ins."""
    is_ended = session_table(current_app).end_by_handle(current_username(), handle)
    flash(gettext("Signed out there.") if is_ended else gettext("That sign-in was over already."))
    return redirect(url_for("sign_ins.show"))


@blueprint.post("/end-others")
@requires(Right.MANAGE_OWN_SIGN_INS)
def end_others() -> Redirect:
    """End all of one's own sign-ins but this one."""
    count = session_table(current_app).end_others(current_username(), current_session_id())
    flash(ngettext("Signed out on %(num)s other device.", "Signed out on %(num)s other devices.", count))
    return redirect(url_for("sign_ins.show"))
