"""Styles and scripts: asked for by what they hold, so that a browser keeps them for a year and never an old one.

Every address of one carries `v`, a hash of its content. What is asked for by another hash, or by none, is given as
well, and not kept.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from appliance.rights import Right
from webui.shared.access import requires
from webui.shared.stylesheet import load_stylesheet, stylesheet_version

YEAR_SECONDS = 365 * 86_400
STYLESHEET = "shared.stylesheet"
_STATIC = ("static", "shared.static", "bootstrap.static")


shared = Blueprint(
    "shared", __name__, template_folder="templates", static_folder="static", static_url_path="/shared"
)


@shared.get("/shared/style.css")
@requires(Right.VISIT)
def stylesheet() -> Response:
    """Return the one stylesheet of all pages."""
    return Response(load_stylesheet(), mimetype="text/css")


def install_static_files(app: Flask) -> None:
    """Give every address of a style or script its hash, and let browsers keep what was asked for by it."""

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if version := _version(endpoint, values.get("filename", "")):
            values.setdefault("v", version)

    @app.after_request
    def keep_long(response: Response) -> Response:
        endpoint = request.endpoint or ""
        if response.status_code == 200 and (endpoint == STYLESHEET or endpoint in _STATIC):
            _read_whole(response)
            version = _version(endpoint, (request.view_args or {}).get("filename", ""))
            if version and request.args.get("v") == version:
                response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response


def _read_whole(response: Response) -> None:
    """Take what is sent into memory: all of it is small, and what is whole can be compressed."""
    pieces = response.response
    response.direct_passthrough = False
    response.set_data(b"".join(response.iter_encoded()))
    if hasattr(pieces, "close"):
        pieces.close()


def _version(endpoint: str, filename: str) -> str:
    if endpoint == STYLESHEET:
        return stylesheet_version()
    if endpoint not in _STATIC or not filename:
        return ""
    blueprint = current_app.blueprints.get(endpoint.partition(".")[0]) if "." in endpoint else current_app
    folder = blueprint.static_folder if blueprint else None
    return _hash_file(Path(folder) / filename) if folder else ""


@cache
def _hash_file(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except (OSError, ValueError):  # there is none of that name, or can be none
        return ""
