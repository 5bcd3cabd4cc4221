"""What a pupil sees where something is closed: a calm page, no category, no accusation, and a way to ask for help.

A name that is closed may lead to the room's own address; the browser then asks this server for another name's
page. Every name that is not the room's own is answered here. The button "tell a grown-up" needs no login.
"""

import ipaddress
import secrets
import time
from collections import deque
from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, make_response, render_template, request

from appliance.protocol import Incident
from appliance.rights import Right
from appliance.room.agent import rpc
from webui.room.room_client import RoomClient
from webui.shared.access import requires

PUPIL_REPORT_PATH = "/hallpass/tell-a-grown-up"
PUPIL_REPORTS_A_MINUTE = 10
OWN_SUFFIXES = (".local", ".home.arpa", ".internal", ".lan")

blueprint = Blueprint("block_page", __name__, template_folder="templates")

_recent_reports: deque[float] = deque(maxlen=PUPIL_REPORTS_A_MINUTE)


def serve_block_page() -> Response | None:
    """Answer for every name that is not the room's own; let requests for the room itself through."""
    if _is_own_host(request.host) or request.path.startswith(("/shared/", "/static/", "/bootstrap/")):
        return None
    if request.path == PUPIL_REPORT_PATH and request.method == "POST":
        return None
    return make_response(
        render_template("block_page/blocked.html", is_reported=False, path=PUPIL_REPORT_PATH), 403
    )


@blueprint.post(PUPIL_REPORT_PATH)
@requires(Right.VISIT)
def pupil_report() -> str:
    """Tell the school that a pupil saw something; say thank you whatever becomes of it."""
    now = time.monotonic()
    if len(_recent_reports) < PUPIL_REPORTS_A_MINUTE or now - _recent_reports[0] > 60:
        _recent_reports.append(now)
        _send_pupil_report(request.host.partition(":")[0])
    return render_template("block_page/blocked.html", is_reported=True, path=PUPIL_REPORT_PATH)


def _send_pupil_report(name: str) -> None:
    one: RoomClient = current_app.extensions["room"]
    incident = Incident(
        id=secrets.token_hex(16),
        kind="told-a-grown-up",
        happened_at=datetime.now(UTC),
        device="",  # the page does not say who pressed: the room is enough
        evidence=(name[:253],),
    )
    try:
        one.call_agent(rpc.IncidentRequest(incident))
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        current_app.logger.warning("a pupil's word could not be sent: %s", no)


def _is_own_host(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.startswith("[") else host[1 : host.index("]")]
    one: RoomClient = current_app.extensions["room"]
    if name in one.own_names or name == "localhost" or name.endswith(OWN_SUFFIXES) or "." not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
