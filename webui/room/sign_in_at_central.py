"""Signing in at central for a page without HTTPS: there and back, without a password on this network (ADR 0020).

The browser is given a secret that central knows the hash of, goes to central, and comes back with a ticket. Both
together, sent by the page's own button, are worth one sign-in, asked of central over the room's own channel. What
begins so holds for this one address of the network: whoever reads the cookie elsewhere can do nothing with it.

Where the browser comes back to is never taken from what it says: a name of the room's own settings, or the address
at which it reached this machine.
"""

import hashlib
import secrets
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf import FlaskForm
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from werkzeug.wrappers import Response

from appliance.protocol import RoomSignInStart, SignInTicket
from appliance.rights import Right
from appliance.room.agent import rpc
from appliance.running_time_counts import RunningTimeCounts
from appliance.web_server import OWN_ADDRESS
from webui.room.room_client import RoomClient
from webui.shared.access import requires
from webui.shared.auth import begin_session, current_device, own_page
from webui.shared.client_address import client_address
from webui.shared.sessions import TableSession, session_table
from webui.shared.translation import gettext, translatable, translate

_BEGUN = "sign-in-at-central"  # of the cookie: what central called it, the secret, and the page that was wanted
_TICKET = "sign-in-ticket"
_ADDRESS = "only-from"
_STARTS = parse("20/5 minutes")  # of a device
_HOME = "today.show"
_LEFT_ELSEWHERE = translatable("This sign-in was begun in another browser, or is over. Please begin again.")

blueprint = Blueprint("sign_in_at_central", __name__, template_folder="templates")


def install_sign_in_at_central(app: Flask) -> None:
    """Count who begins, and let a sign-in that was begun here hold only for the address where it was."""
    app.extensions["hallpass-sign-in-starts"] = FixedWindowRateLimiter(RunningTimeCounts())

    @app.before_request
    def check_address() -> None:
        bound_to = session.get(_ADDRESS)
        if bound_to is not None and not request.is_secure and bound_to != request.remote_addr:
            session.clear()
            if isinstance(session, TableSession):
                session.record = None


@blueprint.get("/sign-in/central")
@requires(Right.VISIT)
def begin() -> Response:
    """Lead to central, where somebody signs in."""
    if current_user.is_authenticated:
        return redirect(url_for(_HOME))
    origin = _own_origin()
    if origin is None:
        return _say(
            gettext("This page does not know its own address. Please open it by the name that you were given."),
            409,
        )
    if origin != request.host_url.rstrip("/"):
        here = url_for("sign_in_at_central.begin", next=own_page(request.args.get("next", "")) or None)
        return redirect(f"{origin}{here}")  # where the browser keeps what it has to bring back
    starts: FixedWindowRateLimiter = current_app.extensions["hallpass-sign-in-starts"]
    if not starts.hit(_STARTS, client_address(request)):
        return _say(gettext("That was a little too often. Please wait five minutes."), 429)
    state = secrets.token_hex(32)
    start = RoomSignInStart(
        state_hash=hashlib.sha256(state.encode()).hexdigest(),
        return_url=f"{origin}{url_for('sign_in_at_central.come_back')}",
    )
    try:
        page = _room().call_agent(rpc.StartSignInRequest(start)).sign_in_page
    except (rpc.AgentUnavailable, rpc.RpcRejected) as problem:
        return _say(f"{problem}.", 503)
    if page is None or not _is_of_central(page.url):
        return _say(gettext("Central does not say where to sign in. Please tell the technician."), 503)
    session[_BEGUN] = [page.id, state, own_page(request.args.get("next", ""))]
    return redirect(page.url)


@blueprint.get("/sign-in/ticket")
@requires(Right.VISIT)
def come_back() -> Response:
    """Take the ticket out of the address, then ask for the one click that uses it."""
    if current_user.is_authenticated:
        return redirect(url_for(_HOME))
    if ticket := request.args.get("ticket", ""):
        session[_TICKET] = ticket[:64]
        return redirect(url_for("sign_in_at_central.come_back"))
    if not _begun() or not session.get(_TICKET):
        return _say(translate(_LEFT_ELSEWHERE), 409)
    return make_response(render_template("sign_in_ticket.html", form=FlaskForm()))


@blueprint.post("/sign-in/ticket")
@requires(Right.VISIT)
def use_ticket() -> Response:
    """Ask central who it is, and begin their session."""
    if current_user.is_authenticated:
        return redirect(url_for(_HOME))
    begun, ticket = _begun(), session.pop(_TICKET, "")
    session.pop(_BEGUN, None)
    if not begun or not isinstance(ticket, str) or not ticket:
        return _say(translate(_LEFT_ELSEWHERE), 409)
    sign_in_id, state, wanted = begun
    try:
        brought = SignInTicket(id=sign_in_id, state=state, ticket=ticket)
        account = _room().call_agent(rpc.RedeemTicketRequest(brought)).account
    except (rpc.AgentUnavailable, rpc.RpcRejected) as problem:
        return _say(f"{problem}.", 503 if isinstance(problem, rpc.AgentUnavailable) else 409)
    if account is None:
        return _say(translate(_LEFT_ELSEWHERE), 409)
    response = begin_session(session_table(current_app), account, current_device(), wanted or url_for(_HOME))
    if not request.is_secure:
        session[_ADDRESS] = request.remote_addr
    return response


def _begun() -> tuple[str, str, str] | None:
    kept = session.get(_BEGUN)
    if not isinstance(kept, list) or len(kept) != 3 or not all(isinstance(one, str) for one in kept):
        return None
    return kept[0], kept[1], own_page(kept[2])


def _own_origin() -> str | None:
    """Return the origin of this page by which the browser can come back; None where nobody knows it."""
    try:
        parts = urlsplit(f"//{request.host}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    own = request.environ.get(OWN_ADDRESS, "")
    if host not in _room().own_names and host != own:
        if not own:
            return None
        host = own
    host = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{host}" + (f":{port}" if port else "")


def _is_of_central(url: str) -> bool:
    return urlsplit(url).scheme in ("https", "http") and bool(urlsplit(url).hostname)


def _say(words: str, status: int) -> Response:
    again = url_for("sign_in", next=own_page(request.args.get("next", "")) or None)
    return make_response(render_template("sign_in_problem.html", words=words, again=again), status)


def _room() -> RoomClient:
    room: RoomClient = current_app.extensions["room"]
    return room
