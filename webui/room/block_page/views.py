"""What a pupil sees where something is closed: a calm page, no category, no accusation, and two ways to ask.

A name that is closed may lead to the room's own address; the browser then asks this server for another name's
page. Every name that is not the room's own is answered here. The buttons need no login. "Ask my teacher" shows the
site on the teacher's page, and stays in the room; "tell a grown-up" goes to the school. What becomes of them the
room decides (`appliance.room.pupil_asks`, `appliance.room.incidents.pupil_reports`); the child is told the truth.
"""

import ipaddress

from flask import Blueprint, Response, current_app, make_response, render_template, request

from appliance.rights import Right
from appliance.room.pupil_asks import AskOutcome
from dns.errors import InvalidName
from dns.message.names import canonical
from webui.room.block_page.closed_words import describe_closed
from webui.room.block_page.device import comes_from_this_page, device_address, host_name, wants_page
from webui.room.form_fields import parse_full_site
from webui.room.pupil_client import PupilPage
from webui.room.room_client import RoomClient
from webui.shared.access import requires

PUPIL_REPORT_PATH = "/hallpass/tell-a-grown-up"
PUPIL_ASK_PATH = "/hallpass/ask-my-teacher"
_MAX_WRITTEN = 2000
OWN_SUFFIXES = (".local", ".home.arpa", ".internal", ".lan")

_STATUS = {
    "told": 200, "asked": 200, "again": 200, "elsewhere": 403, "closed": 403, "unseen": 409, "enough": 429,
    "unavailable": 503,
}  # fmt: skip

blueprint = Blueprint("block_page", __name__, template_folder="templates")


def serve_block_page() -> Response | None:
    """Answer for every name that is not the room's own; let requests for the room itself through."""
    if _is_own_host(request.host) or request.path.startswith(("/shared/", "/static/", "/bootstrap/")):
        return None
    if request.path in (PUPIL_REPORT_PATH, PUPIL_ASK_PATH) and request.method == "POST":
        return None
    return _render(403)


@blueprint.post(PUPIL_REPORT_PATH)
@requires(Right.VISIT)
def pupil_report() -> Response:
    """Tell the school that a pupil saw something, and the pupil what becomes of it."""
    name = _closed_name()
    outcome = _why_not()
    if not outcome:
        outcome = _room().tell_grown_up(device_address(request), name) if name else "unseen"
    return _render(_STATUS[outcome], report_outcome=outcome)


@blueprint.post(PUPIL_ASK_PATH)
@requires(Right.VISIT)
def ask_teacher() -> Response:
    """Show the teacher of this room what a pupil asks for, and the pupil what becomes of it."""
    name = _closed_name()
    outcome: AskOutcome | str = _why_not()
    if not outcome:
        outcome = _room().pupils.ask_teacher(device_address(request), name) if name else "unseen"
    return _render(_STATUS[outcome], ask_outcome=outcome)


@blueprint.get("/pupils")
@requires(Right.VISIT)
def show_pupils() -> Response:
    """Show at the room's own name what was closed to this device just now, and a way to ask for it."""
    return _render_pupils("", 200)


@blueprint.post("/pupils")
@requires(Right.VISIT)
def ask_by_name() -> Response:
    """Ask the teacher for a site by its name: a page of https cannot show the button itself."""
    written = request.form.get("site", "")
    outcome: AskOutcome | str = _why_not()
    if not outcome:
        try:
            name = parse_full_site(written[:_MAX_WRITTEN])
        except InvalidName:
            outcome = "nameless"
        else:
            outcome = _room().pupils.ask_teacher(device_address(request), name)
    return _render_pupils(outcome, _STATUS.get(outcome, 422), written=written)


def _why_not() -> str:
    """Return why nothing a pupil says here is passed on, whatever it is; "": it is."""
    if not _room().is_enrolled:
        return "unavailable"  # there is nobody to pass it on to
    return "" if comes_from_this_page(request) else "elsewhere"


def _render_pupils(ask_outcome: str, status: int, *, written: str = "") -> Response:
    room = _room()
    page = room.pupils.look(device_address(request))
    return make_response(
        render_template(
            "block_page/pupils.html",
            ask_outcome=ask_outcome,
            written=written if ask_outcome not in ("", "asked", "again") and written.isprintable() else "",
            page=page,
            recent=describe_closed(page.recent),
            help_line=room.pupils.words().help_line,
            is_enrolled=room.is_enrolled,
        ),
        status,
    )


def _render(status: int, *, report_outcome: str = "", ask_outcome: str = "") -> Response:
    room = _room()
    name = _closed_name()
    looks = room.is_enrolled and wants_page(request) and name
    page = room.pupils.look(device_address(request), name) if looks else PupilPage()
    return make_response(
        render_template(
            "block_page/blocked.html",
            report_outcome=report_outcome,
            ask_outcome=ask_outcome,
            page=page,
            recent=describe_closed(page.recent),
            help_line=room.pupils.words().help_line,
            offers_report=room.is_enrolled and report_outcome in {"", "elsewhere"},
            is_enrolled=room.is_enrolled,
            report_path=PUPIL_REPORT_PATH,
            ask_path=PUPIL_ASK_PATH,
        ),
        status,
    )


def _room() -> RoomClient:
    room: RoomClient = current_app.extensions["room"]
    return room


def _closed_name() -> str:
    """Return the name at which the browser thinks it is; "" where it is none."""
    try:
        return canonical(host_name(request.host))
    except InvalidName:
        return ""


def _is_own_host(host: str) -> bool:
    name = host_name(host)
    if name in _room().own_names or name == "localhost" or name.endswith(OWN_SUFFIXES) or "." not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
