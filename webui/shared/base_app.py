"""Makes a Flask application as every site of ours is: protected, local, and calm when something goes wrong.

- Content comes from this machine alone (Bootstrap-Flask serves its assets locally), and the content security
  policy says so: no inline scripts, no frames, nothing from elsewhere.
- Every form carries a token (Flask-WTF). The session's cookie is HttpOnly and SameSite; who is signed in stands in
  a table (`webui.shared.sessions`).
- An error is a page in plain words, never a traceback.
"""

import contextlib
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect
from werkzeug.exceptions import BadRequest

from appliance.files import one_at_a_time, read_regular_file, remove_whatever
from appliance.sessions import ABSOLUTE_LIMIT
from webui.shared.answered_forms import install_answered_forms
from webui.shared.compression import install_compression
from webui.shared.durations import install_durations
from webui.shared.isolated_names import install_isolated_names
from webui.shared.live_parts import install_live_parts
from webui.shared.problem_pages import install_problem_pages
from webui.shared.static_files import install_static_files, shared

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 1024 * 1024
SECRET_KEY_BYTES = 32
HSTS_SECONDS = 30 * 86_400  # a certificate that is given up keeps nobody out for longer

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)


def content_policy(*, form_action: str) -> str:
    """Return the content security policy of a page whose form leads to another origin as well."""
    return f"{_POLICY} {form_action}"


_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

log = logging.getLogger("hallpass.web")


def create_base_app(name: str, data: Path, *, cookie: str, largest_body: int = MAX_BODY_BYTES) -> Flask:
    """Return an application of the module `name` whose secret is kept in the folder `data`.

    Two sites on one machine share their cookies, whatever their ports: `cookie` names the session's own. What is
    set over HTTPS has another name (`webui.shared.sessions`), and never travels in the clear.
    """
    app = Flask(name)
    app.config.update(
        SECRET_KEY=_load_secret_key(data / "pages.key"),
        MAX_CONTENT_LENGTH=largest_body,
        SESSION_COOKIE_NAME=cookie,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=ABSOLUTE_LIMIT,
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,  # a form that stood open over lunch is still that person's form
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    install_compression(app)
    app.wsgi_app = _refuse_impossible_hosts(app.wsgi_app)  # type: ignore[assignment]  # as Flask documents it
    Bootstrap5(app)
    app.extensions["hallpass-csrf"] = CSRFProtect(app)
    app.register_blueprint(shared)
    app.after_request(_add_security_headers)
    install_static_files(app)
    install_live_parts(app)
    install_durations(app)
    install_isolated_names(app)
    install_problem_pages(app)
    install_answered_forms(app)
    return app


def insist_on_https(app: Flask, is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Have browsers insist on HTTPS for this name (HSTS, RFC 6797); for certificates that every browser trusts.

    Over plain HTTP nothing is said: browsers would not believe it (section 8.1). `is_wanted` is asked each time.
    """

    @app.after_request
    def add_header(response: Response) -> Response:
        if request.is_secure and is_wanted():
            response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
        return response


def _refuse_impossible_hosts(serve: "WSGIApplication") -> "WSGIApplication":
    """Answer 400 to a `Host` that is no host: Flask cannot make an address with it, not even for an error page."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            host, _, port = environ.get("HTTP_HOST", "").rpartition(":")
            (host or port).encode("idna")
        except UnicodeError:
            return BadRequest()(environ, start_response)
        return serve(environ, start_response)

    return application


def _load_secret_key(path: Path) -> bytes:
    """Return the key that cookies are signed with; makes one where there is none that can be used."""
    if found := _read_secret_key(path)[0]:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(path.parent):  # of servers that start together the first one's key counts
            found, problem = _read_secret_key(path)
            if found:
                return found
            if problem:
                log.error("%s %s: a new one is made, and people sign in again", path, problem)
                remove_whatever(path)
            return _create_secret_key(path)
    except OSError:
        log.exception("%s cannot be kept: people sign in again after the next start", path)
        return secrets.token_bytes(SECRET_KEY_BYTES)


def _read_secret_key(path: Path) -> tuple[bytes, str]:
    """Return the key, or why there is none that can be used; "" twice where there is none at all."""
    try:
        found = read_regular_file(path)
    except FileNotFoundError as failure:
        return b"", str(failure.strerror) if path.is_symlink() else ""
    except OSError as failure:
        return b"", str(failure.strerror)
    return (found, "") if len(found) >= SECRET_KEY_BYTES else (b"", "is too short")


def _create_secret_key(path: Path) -> bytes:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner alone
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(SECRET_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(name, path)  # whole, or not at all
    finally:
        Path(name).unlink()
    return read_regular_file(path)


def _add_security_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        if name == "Cache-Control" and response.cache_control.max_age:
            continue
        response.headers.setdefault(name, value)
    return response
