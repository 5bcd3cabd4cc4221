"""One's own second step: set up with an app, confirmed by a first code, turned off again."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import openid_accounts, second_factor
from appliance.central.errors import CentralError
from appliance.central.second_factor import WRONG_CODE
from appliance.central.sessions import renew_session
from appliance.central.sign_in import PAGES
from appliance.rights import Right
from appliance.sign_in_throttle import SignInOrigin, TooManyTries
from webui.central.accounts.own_password import require_own_password
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.second_factor.forms import OwnCodeForm, PasswordAndCodeForm
from webui.shared.access import requires
from webui.shared.auth import current_device, current_session_id, current_username
from webui.shared.client_address import client_address
from webui.shared.qr_code import make_qr_code
from webui.shared.translation import gettext

HOME = "second_factor.show"
_DARK, _LIGHT = "#000", "#fff"  # also on a dark page: many phones read no other

blueprint = create_feature_blueprint("second_factor", __name__, home=HOME)


@blueprint.get("/your-second-step")
@requires(Right.MANAGE_OWN_SIGN_INS)
def show() -> str:
    """Show whether one has a second step; what an app needs while it is set up; recovery codes until noted."""
    who, keys, now = current_username(), central().keys, central().now()
    with central().store.read_session() as session:
        set_up = second_factor.find_set_up(
            session, keys, now, username=who, school=central().identity.current().name
        )
        codes = second_factor.list_unnoted_codes(session, keys, now, username=who)
        left = second_factor.count_recovery_codes(session, username=who)
    return render_template(
        "second_factor/own.html",
        set_up=set_up,
        qr_code=_draw_qr_code(set_up.uri) if set_up else "",
        codes=codes,
        codes_left=left,
        code_form=OwnCodeForm(formdata=None),
        form=PasswordAndCodeForm(formdata=None),
        is_linked=_is_linked(),
    )


@blueprint.post("/your-second-step/begin")
@requires(Right.MANAGE_OWN_SIGN_INS)
def begin() -> Redirect:
    """Make what an app needs."""
    with central().store.write_session(affects_rooms=False) as session:
        second_factor.begin(session, central().keys, central().now(), username=current_username())
    return redirect(url_for(HOME))


@blueprint.post("/your-second-step/confirm")
@requires(Right.MANAGE_OWN_SIGN_INS)
def confirm() -> Redirect:
    """Let it count, by the first code; every other sign-in of one's own ends."""
    form = _require_own_password(PasswordAndCodeForm())
    with central().store.write_session() as session:
        second_factor.confirm(
            session, central().keys, central().now(), username=current_username(), code=form.code.data
        )
        renew_session(session, current_session_id())
    flash(gettext("Your second step is set up. You are signed out everywhere else."))
    return redirect(url_for(HOME))


@blueprint.post("/your-second-step/recovery-codes")
@requires(Right.MANAGE_OWN_SIGN_INS)
def renew_recovery_codes() -> Redirect:
    """Make other recovery codes."""
    form = require_valid(OwnCodeForm())
    _require_own_code(form.code.data)
    with central().store.write_session(affects_rooms=False) as session:
        second_factor.renew_recovery_codes(session, central().keys, central().now(), username=current_username())
    flash(gettext("Here are other recovery codes; those of before do not work any more."))
    return redirect(url_for(HOME))


@blueprint.post("/your-second-step/noted")
@requires(Right.MANAGE_OWN_SIGN_INS)
def stop_showing() -> Redirect:
    """Show the recovery codes no more."""
    with central().store.write_session(affects_rooms=False) as session:
        second_factor.forget_unnoted_codes(session, username=current_username())
    return redirect(url_for(HOME))


@blueprint.post("/your-second-step/off")
@requires(Right.MANAGE_OWN_SIGN_INS)
def turn_off() -> Redirect:
    """Do without, by password and code; every other sign-in of one's own ends."""
    form = _require_own_password(PasswordAndCodeForm())
    _require_own_code(form.code.data)
    with central().store.write_session() as session:
        second_factor.turn_off(session, central().now(), username=current_username())
        renew_session(session, current_session_id())
    flash(
        gettext("Your second step is off: your password alone signs you in. You are signed out everywhere else.")
    )
    return redirect(url_for(HOME))


def _require_own_password(form: PasswordAndCodeForm) -> PasswordAndCodeForm:
    """Return a form with one's own password; who comes by the school's provider may have none, and needs none."""
    require_valid(form)
    if form.password.data or not _is_linked():
        require_own_password(form.password.data)
    return form


def _is_linked() -> bool:
    with central().store.read_session() as session:
        return openid_accounts.is_linked(session, current_username())


def _require_own_code(code: str) -> None:
    origin = SignInOrigin(place=PAGES, source=client_address(request), device=current_device())
    taken = central().sign_in.check_code(origin, current_username(), code)
    if isinstance(taken, TooManyTries):
        raise CentralError(str(taken))
    if not taken:
        raise CentralError(WRONG_CODE)


def _draw_qr_code(text: str) -> str:
    return make_qr_code(text).svg_inline(scale=4, dark=_DARK, light=_LIGHT, title="QR code for your app")
