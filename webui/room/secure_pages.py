"""Where a room has a certificate, whatever asks for a password or is for who gave one is served over HTTPS alone.

The block page stays where it is: a browser that asked for another name's page over plain HTTP gets it there, and
what it is made of too.
"""

from flask import Request, redirect
from werkzeug.wrappers import Response

from appliance.settings.values import Endpoint

IN_CLEAR = frozenset(
    {"block_page.pupil_report", "static", "shared.static", "shared.stylesheet", "bootstrap.static"}
)
HTTPS_PORT = 443


def redirect_to_https(request: Request, listen: Endpoint) -> Response | None:
    """Return the way to the same page over HTTPS, or None where the request may be answered as it came.

    What was sent in the clear is not taken: the form is shown again, where it can be sent safely.
    """
    if request.is_secure or request.endpoint in IN_CLEAR:
        return None
    host = request.host if request.host.endswith("]") else request.host.rpartition(":")[0] or request.host
    port = "" if listen.port == HTTPS_PORT else f":{listen.port}"
    is_read = request.method in ("GET", "HEAD")
    path = request.full_path.rstrip("?") if is_read or request.path == "/sign-in" else "/"
    return redirect(f"https://{host}{port}{path}", 302 if is_read else 303)
