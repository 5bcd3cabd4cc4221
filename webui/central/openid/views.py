"""Signing in by the school's own provider (OpenID Connect): there, and back again.

What the way back is checked by lies in the browser's own cookie, holds for ten minutes, and is used once: a state
that came back is remembered until it would not hold anyhow. Whoever has a second step is asked for their code too.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from flask import current_app, flash, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as Redirect

from appliance.central import openid_accounts
from appliance.central.errors import CentralError
from appliance.central.openid_accounts import NoAccount
from appliance.central.openid_identity import Journey, NotBelieved, begin_journey
from appliance.central.sign_in import PAGES, CodeNeeded
from appliance.control_characters import escape_control_characters
from appliance.protocol import Account
from appliance.rights import Right, Scope, has_right
from appliance.settings.openid import CALLBACK_PATH
from appliance.sign_in_throttle import SignInOrigin
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.central.room_sign_in.views import leads_to_room
from webui.central.sign_in import NOT_HERE
from webui.shared.access import requires
from webui.shared.auth import ask_for_code, begin_session, current_device, next_page
from webui.shared.client_address import client_address

JOURNEY_TIME = timedelta(minutes=10)
_KEY = "openid"  # of the cookie
_DID_NOT_WORK = "Signing in with your school account did not work. Please try once more."
_LOGGED = 300  # characters of what a stranger wrote

blueprint = create_feature_blueprint("openid", __name__, home=START)


@blueprint.get("/sign-in/openid")
@requires(Right.VISIT)
def leave() -> Redirect:
    """Send a browser to the provider."""
    provider = central().openid
    if provider is None or current_user.is_authenticated:
        return redirect(url_for("sign_in"))
    journey = begin_journey()
    try:
        url = provider.authorization_url(journey)
    except CentralError as problem:
        return _give_up(problem)
    until = (central().now() + JOURNEY_TIME).timestamp()
    session[_KEY] = [journey.state, journey.nonce, journey.verifier, until, next_page()]
    return redirect(url)


@blueprint.get(CALLBACK_PATH)
@requires(Right.VISIT)
def come_back() -> Redirect:
    """Sign in whom the provider has proved."""
    provider, settings = central().openid, central().settings.openid
    kept = session.pop(_KEY, None)
    if provider is None or settings is None or current_user.is_authenticated:
        return redirect(url_for("sign_in"))
    try:
        journey, wanted = _check_way_back(kept)
        provider.check_issuer(request.args.get("iss", ""))
        if "error" in request.args or not request.args.get("code"):
            raise NotBelieved(f"the provider says {request.args.get('error', 'nothing')}")
        identity = provider.redeem(request.args["code"], journey)
        with central().store.write_session(affects_rooms=False) as database:
            account = openid_accounts.find_or_make_account(database, central().now(), identity, settings)
        return _admit(account, wanted)
    except CentralError as problem:
        return _give_up(problem)


def _check_way_back(kept: object) -> tuple[Journey, str]:
    """Return what a browser left with, once, and where it was going. Raises NotBelieved."""
    if not isinstance(kept, list) or len(kept) != 5:
        raise NotBelieved("this browser asked for nothing")
    journey, until, wanted = Journey(*kept[:3]), float(kept[3]), str(kept[4])
    if not hmac.compare_digest(journey.state.encode(), request.args.get("state", "").encode(errors="replace")):
        raise NotBelieved("the answer belongs to another question")
    if datetime.fromtimestamp(until, central().now().tzinfo) <= central().now():
        raise NotBelieved("it took too long")
    key = hashlib.sha256(f"openid {journey.state}".encode()).hexdigest()
    if central().sign_in.count_use(key, JOURNEY_TIME) > 1:
        raise NotBelieved("the answer was brought before")
    return journey, wanted


def _admit(account: Account, wanted: str) -> Redirect:
    origin = SignInOrigin(place=PAGES, source=client_address(request), device=current_device())
    if not has_right(account.roles, Right.SIGN_IN, Scope.SCHOOL) and not leads_to_room(account, wanted):
        flash(NOT_HERE, "warning")
        return redirect(url_for("sign_in"))
    answer = central().sign_in.admit(origin, account)
    if isinstance(answer, CodeNeeded):
        return ask_for_code(account.username, answer.step, wanted)
    return begin_session(central().sessions, account, origin.device, wanted or url_for(START))


def _give_up(problem: CentralError) -> Redirect:
    """Go back to where people sign in; what a stranger did not prove is said to the technician alone."""
    words = str(problem)
    current_app.logger.warning("signing in by OpenID: %s", escape_control_characters(words)[:_LOGGED])
    flash(f"{words[0].upper()}{words[1:]}." if isinstance(problem, NoAccount) else _DID_NOT_WORK, "warning")
    return redirect(url_for("sign_in"))
