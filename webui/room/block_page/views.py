"""What a pupil sees where something is closed: a calm page, no category, no accusation, and a way to ask for help.

A name that is closed may lead to the room's own address; the browser then asks this server for another name's
page. Every name that is not the room's own is answered here. The button "tell a grown-up" needs no login; what
becomes of it the recorder decides (`appliance.room.incidents.pupil_reports`), and the child is told the truth.
"""

import ipaddress
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, render_template, request

from appliance.rights import Right
from dns.errors import InvalidName
from dns.message.names import canonical
from webui.room.room_client import RoomClient
from webui.shared.access import requires

PUPIL_REPORT_PATH = "/hallpass/tell-a-grown-up"
OWN_SUFFIXES = (".local", ".home.arpa", ".internal", ".lan")

_STATUS = {"told": 200, "again": 200, "elsewhere": 403, "unseen": 409, "enough": 429, "unavailable": 503}

blueprint = Blueprint("block_page", __name__, template_folder="templates")


def serve_block_page() -> Response | None:
    """Answer for every name that is not the room's own; let requests for the room itself through."""
    if _is_own_host(request.host) or request.path.startswith(("/shared/", "/static/", "/bootstrap/")):
        return None
    if request.path == PUPIL_REPORT_PATH and request.method == "POST":
        return None
    return _render("", 403)


@blueprint.post(PUPIL_REPORT_PATH)
@requires(Right.VISIT)
def pupil_report() -> Response:
    """Tell the school that a pupil saw something, and the pupil what becomes of it."""
    room: RoomClient = current_app.extensions["room"]
    if not room.is_enrolled:
        outcome = "unavailable"  # there is nobody to pass it on to
    elif not _comes_from_this_page():
        outcome = "elsewhere"
    else:
        try:
            name = canonical(_host_name(request.host))
        except InvalidName:
            outcome = "unseen"
        else:
            outcome = room.tell_grown_up(_device_address(), name)
    return _render(outcome, _STATUS[outcome])


def _render(outcome: str, status: int) -> Response:
    room: RoomClient = current_app.extensions["room"]
    page = render_template(
        "block_page/blocked.html",
        outcome=outcome,
        offers_button=room.is_enrolled and outcome in {"", "elsewhere"},
        is_enrolled=room.is_enrolled,
        path=PUPIL_REPORT_PATH,
    )
    return make_response(page, status)


def _comes_from_this_page() -> bool:
    """Tell whether the button on this very page was pressed: a browser says so, and no other page can make it.

    Sec-Fetch-Site is sent over HTTPS alone; Origin with every form (WHATWG Fetch, sections 3.2 and 3.7).
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return site == "same-origin"
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == request.host.lower()


def _device_address() -> str:
    """Return the address of the device as the query log has it."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1 : host.find("]")]
    return host.rsplit(":", 1)[0]


def _is_own_host(host: str) -> bool:
    name = _host_name(host)
    room: RoomClient = current_app.extensions["room"]
    if name in room.own_names or name == "localhost" or name.endswith(OWN_SUFFIXES) or "." not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
