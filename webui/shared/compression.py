"""What goes over the network in fewer bytes: pages, styles, scripts and pictures.

Not what another site made a browser ask for: who sees the size of what is answered could then guess at what stands
in it (BREACH). What rooms fetch, and streams of events, go as they are.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from flask_compress import Compress

from webui.shared.live_parts import MEDIA_TYPE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MIME_TYPES = ("text/html", "text/css", "text/javascript", "image/svg+xml", MEDIA_TYPE)
_FROM_ELSEWHERE = frozenset({"cross-site", "same-site"})


def install_compression(app: Flask) -> None:
    """Compress what an application answers. Has to come first: what comes first looks at an answer last."""
    app.config["COMPRESS_MIMETYPES"] = list(_MIME_TYPES)
    app.config["COMPRESS_STREAMS"] = False
    Compress(app)
    app.wsgi_app = _send_plainly_to_other_sites(app.wsgi_app)  # type: ignore[assignment]  # as Flask documents it


def _send_plainly_to_other_sites(serve: "WSGIApplication") -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("HTTP_SEC_FETCH_SITE") in _FROM_ELSEWHERE:
            environ.pop("HTTP_ACCEPT_ENCODING", None)
        return serve(environ, start_response)

    return application
