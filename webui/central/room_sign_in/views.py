"""Signing in here for the page of a room that has no HTTPS (`appliance.central.room_sign_ins`, ADR 0020).

Whoever comes from a room signs in as everybody does, and goes back with one click. A teacher has nothing else to
do here: their sign-in ends with it. Where the browser is led the room has said over its own channel.
"""

from urllib.parse import urlsplit

from flask import current_app, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from appliance.central import room_sign_ins
from appliance.central.errors import NotPossible
from appliance.protocol import Account
from appliance.rights import Right, Scope, has_right, may_teach
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_session_id
from webui.shared.base_app import content_policy
from webui.shared.sessions import session_table

_ID_LENGTH = 32

blueprint = create_feature_blueprint("room_sign_in", __name__, home=START)


@blueprint.get(f"{room_sign_ins.PATH}<sign_in_id>")
@requires(Right.VISIT)
def show(sign_in_id: str) -> Response:
    """Show for which room it is, and the way back there; whoever is not signed in does that first."""
    with central().store.read_session() as database:
        found = room_sign_ins.find_begun(database, central().now(), sign_in_id[:_ID_LENGTH])
        if found is None:
            return make_response(_page(""), 410)
        room, origin = found[1].name, _origin(found[0].return_url)
    if not current_user.is_authenticated:
        return redirect(url_for("sign_in", next=request.path))
    response = make_response(_page(room, sign_in_id))
    # The form is answered by the way to the room, which a browser must be allowed to take.
    response.headers["Content-Security-Policy"] = content_policy(form_action=origin)
    return response


@blueprint.post(f"{room_sign_ins.PATH}<sign_in_id>")
@requires(Right.VISIT)
def go_on(sign_in_id: str) -> Response:
    """Lead whoever is signed in back to the room, with a ticket."""
    if not current_user.is_authenticated:
        return redirect(url_for("sign_in", next=request.path))
    account: Account = current_user.account
    try:
        with central().store.write_session(affects_rooms=False) as database:
            issued = room_sign_ins.issue_ticket(database, central().now(), sign_in_id[:_ID_LENGTH], account)
    except NotPossible as problem:
        _end_teachers_session(account)
        return make_response(_page("", words=f"{problem}."), 409)
    _end_teachers_session(account)
    response = redirect(f"{issued.return_url}?ticket={issued.ticket}", 303)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def leads_to_room(account: Account, wanted: str | None = None) -> bool:
    """Tell whether somebody who signs in just now does so for a room: then a teacher may.

    `wanted`: where they were going; left out, as the address says.
    """
    path = urlsplit(request.args.get("next", "") if wanted is None else wanted).path
    if request.endpoint is None or not path.startswith(room_sign_ins.PATH) or not may_teach(account.roles):
        return False
    with central().store.read_session() as database:
        sign_in_id = path.removeprefix(room_sign_ins.PATH)[:_ID_LENGTH]
        return room_sign_ins.find_begun(database, central().now(), sign_in_id) is not None


def _end_teachers_session(account: Account) -> None:
    """Sign out whoever works in rooms alone: nobody shall find their sign-in here on a computer of the room."""
    if has_right(account.roles, Right.SIGN_IN, Scope.SCHOOL):
        return
    session_id = current_session_id()
    logout_user()
    session.clear()
    session_table(current_app).end_session(session_id)


def _page(room: str, sign_in_id: str = "", words: str = "") -> str:
    return render_template(
        "room_sign_in/room_sign_in.html", room=room, sign_in_id=sign_in_id, wrong=words, account=_account()
    )


def _account() -> Account | None:
    return current_user.account if current_user.is_authenticated else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
