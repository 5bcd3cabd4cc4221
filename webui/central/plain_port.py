"""Central's plain port leads to HTTPS, and does nothing else: neither pages nor forms are there.

It leads to the address in central's own settings, whatever name was asked for: a stranger's `Host` leads nobody
anywhere. Without a certificate that browsers would take it says so, and asks for no password.
"""

from flask import Flask, redirect, request
from werkzeug.wrappers import Response

from appliance.settings.central import CentralSettings
from appliance.web_certificate import WebCertificate
from webui.shared.base_app import insist_on_https
from webui.shared.problem_pages import render_problem

_ASSETS = frozenset({"static", "shared.static", "shared.stylesheet", "bootstrap.static"})
_WORDS = (
    "This page is not encrypted at the moment, so nobody can sign in. The technician has to look at the "
    "certificate of central's pages. Rooms go on as before."
)


def install_plain_port(app: Flask, settings: CentralSettings) -> None:
    """Answer whatever came over plain HTTP, where the pages have a certificate of their own."""
    tls = settings.central.tls
    if tls is None:
        return
    certificate, home = WebCertificate(tls), settings.central.url.rstrip("/")
    if tls.publicly_trusted:
        insist_on_https(app)

    def lead_to_https() -> Response | tuple[str, int] | None:
        if request.is_secure or request.endpoint in _ASSETS:
            return None
        if not home.startswith("https://") or not certificate.is_trustworthy():
            return render_problem(503, _WORDS), 503
        if request.method in ("GET", "HEAD"):
            return redirect(f"{home}{request.full_path.rstrip('?')}", 302)
        return redirect(f"{home}/", 303)  # what was sent in the clear is not taken

    app.before_request_funcs.setdefault(None, []).insert(0, lead_to_https)
