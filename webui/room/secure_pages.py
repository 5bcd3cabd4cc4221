"""Where a room has a certificate, whatever asks for a password or is for who gave one is served over HTTPS alone.

The block page stays where it is: a browser that asked for another name's page over plain HTTP gets it there, and
what it is made of too.
"""

from flask import Flask, Request, redirect, render_template, request
from werkzeug.wrappers import Response

from appliance.room.page_certificate import page_tls
from appliance.room.paths import RoomPaths
from appliance.room.sign_in_offer import is_loopback
from appliance.settings.room import HTTPS_PORT, RoomSettings, WebTlsSection
from appliance.settings.values import CertificateFiles
from appliance.web_certificate import WebCertificate
from webui.room.block_page.views import serve_block_page
from webui.room.room_client import RoomClient
from webui.shared.auth import own_page
from webui.shared.base_app import insist_on_https
from webui.shared.translation import translatable

IN_CLEAR = frozenset(
    {
        "block_page.pupil_report",
        "block_page.ask_teacher",
        "block_page.show_pupils",
        "block_page.ask_by_name",
        "static",
        "shared.static",
        "shared.stylesheet",
        "bootstrap.static",
    }
)
IN_THE_CLEAR = translatable(
    "This page is not encrypted: whoever listens on this network can read a password that is typed here. "
    "The technician can change that."
)


class SecurePages:
    """What a room's pages know of how they are reached, and what may be typed on them (ADR 0020)."""

    def __init__(self, settings: RoomSettings, room: RoomClient, *, is_https_served: bool = True) -> None:
        """`is_https_served`: False where the port for central's certificate is another program's."""
        self._settings = settings
        self._web = settings.web
        self._room = room
        self._is_https_served = is_https_served
        path = RoomPaths.from_settings(settings).page_certificate
        self._certificate = WebCertificate(settings.web.tls or CertificateFiles(certificate=path, key=path))

    def install(self, app: Flask) -> None:
        """Have browsers led to HTTPS, and told to insist on it, where and as soon as there is a certificate."""
        if self._web.tls is None and self._settings.https_listen is None:
            return
        insist_on_https(app, self._is_publicly_trusted)
        # First of all: a form that came in the clear is not even looked at.
        first = app.before_request_funcs.setdefault(None, [])
        first[:0] = [serve_block_page, self.redirect]

    def tls(self) -> WebTlsSection | None:
        """Return with what the pages are served over HTTPS now, or None."""
        return page_tls(self._settings) if self._is_https_served else None

    def redirect(self) -> Response | None:
        """Return the way to the same page over HTTPS, or None where this request may be answered as it came."""
        tls = self.tls()
        if tls is None or not self._certificate.is_trustworthy():
            return None  # nobody is led to where a browser would warn
        return redirect_to_https(request, tls)

    def takes_passwords(self) -> bool:
        """Tell whether a password may be typed on this page: it is encrypted, or never leaves the machine.

        In the clear it may be where the settings say so, or, until the school has another way, where they say
        nothing and the pages have no certificate.
        """
        if request.is_secure or is_on_loopback(request):
            return True
        if self.tls() is not None:
            return False
        if self._web.clear_passwords is not None:
            return self._web.clear_passwords
        return not self._room.is_sign_in_offered()

    def render_instead_of_form(self) -> str:
        """Return the page that stands where a password would be asked for; "": one may be."""
        if self.takes_passwords():
            return ""
        if not self._room.is_enrolled or not self._room.is_sign_in_offered():
            return render_template("no_password.html", has_certificate=self.tls() is not None)
        return render_template("sign_in_at_central.html", wanted=own_page(request.args.get("next", "")))

    def _is_publicly_trusted(self) -> bool:
        tls = self.tls()
        return tls is not None and tls.publicly_trusted

    def words_on_form(self) -> str:
        """Return what whoever types a password on this page should know, or ""."""
        return "" if request.is_secure or is_on_loopback(request) else IN_THE_CLEAR


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
    return is_loopback(request.remote_addr or "") and is_loopback(host)
