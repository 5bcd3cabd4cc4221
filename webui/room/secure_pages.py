"""Where a room has a certificate, whatever asks for a password or is for who gave one is served over HTTPS alone.

The block page stays where it is: a browser that asked for another name's page over plain HTTP gets it there, and
what it is made of too.
"""

import ipaddress

from flask import Flask, Request, redirect, render_template, request
from werkzeug.wrappers import Response

from appliance.settings.room import WebTlsSection
from appliance.web_certificate import WebCertificate
from webui.shared.base_app import insist_on_https

IN_CLEAR = frozenset(
    {
        "block_page.pupil_report",
        "block_page.ask_teacher",
        "static",
        "shared.static",
        "shared.stylesheet",
        "bootstrap.static",
    }
)
HTTPS_PORT = 443


class SecurePages:
    """What a room's pages know of their certificate."""

    def __init__(self, tls: WebTlsSection | None) -> None:
        self._tls = tls
        self._certificate = WebCertificate(tls) if tls is not None else None

    def install(self, app: Flask) -> None:
        """Have the pages say that browsers should insist on HTTPS, where that is wanted."""
        if self._tls is not None and self._tls.publicly_trusted:
            insist_on_https(app)

    def redirect(self) -> Response | None:
        """Return the way to the same page over HTTPS, or None where this request may be answered as it came."""
        if self._tls is None or self._certificate is None or not self._certificate.is_trustworthy():
            return None  # nobody is led to where a browser would warn
        return redirect_to_https(request, self._tls)

    def takes_passwords(self) -> bool:
        """Tell whether a password may be typed on this page: it is encrypted, or never leaves the machine.

        Without [web.tls] it may be typed in the clear.
        """
        return self._tls is None or request.is_secure or is_on_loopback(request)

    def render_instead_of_form(self) -> str:
        """Return the page that stands where a password would be asked for; "": one may be."""
        return "" if self.takes_passwords() else render_template("no_password.html")


def redirect_to_https(request: Request, tls: WebTlsSection) -> Response | None:
    """Return the way to the same page over HTTPS, or None where the request may be answered as it came.

    What was sent in the clear is not taken: the form is shown again, where it can be sent safely.
    """
    if request.is_secure or request.endpoint in IN_CLEAR:
        return None
    host = request.host if request.host.endswith("]") else request.host.rpartition(":")[0] or request.host
    if tls.name:
        host = f"[{tls.name}]" if ":" in tls.name else tls.name
    port = "" if tls.listen.port == HTTPS_PORT else f":{tls.listen.port}"
    is_read = request.method in ("GET", "HEAD")
    path = request.full_path.rstrip("?") if is_read or request.path == "/sign-in" else "/"
    return redirect(f"https://{host}{port}{path}", 302 if is_read else 303)


def is_on_loopback(request: Request) -> bool:
    """Tell whether a browser on this machine asks for this machine: then nothing crosses a network.

    Both the address and what was asked for: who comes by a server before us asks for the room's name.
    """
    host = request.host[1 : request.host.find("]")] if request.host.startswith("[") else request.host
    host = host if ":" not in host or request.host.startswith("[") else host.rpartition(":")[0]
    return _is_loopback(request.remote_addr or "") and (host == "localhost" or _is_loopback(host))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
