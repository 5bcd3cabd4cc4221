"""Lets somebody come to a page only with the right that it needs (`appliance.rights`).

Each view names its right with `requires`; a route that names none is open to nobody, and a test finds it.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from flask import Flask, abort, current_app, request, session
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.rights import ANYBODY, Right, Scope, has_right
from appliance.sessions import SessionsUnavailable
from webui.shared.sessions import TableSession

V = TypeVar("V", bound=Callable[..., Any])

_ATTRIBUTE = "hallpass_right"
_SCOPE = "hallpass-scope"
# What Flask and its extensions serve themselves, so that no view of ours can name its right.
_ASSETS = dict.fromkeys(("static", "shared.static", "bootstrap.static"), Right.VISIT)


def requires(right: Right) -> Callable[[V], V]:
    """Name the right that a view needs. Stands below the route."""

    def mark(view: V) -> V:
        setattr(view, _ATTRIBUTE, right)
        return view

    return mark


def find_right(app: Flask, endpoint: str) -> Right | None:
    """Return the right that an endpoint needs, or None where it has no entry."""
    return _ASSETS.get(endpoint) or getattr(app.view_functions[endpoint], _ATTRIBUTE, None)


def requested_right() -> Right | None:
    """Return the right that this request needs, or None where it has no entry."""
    return find_right(current_app, request.endpoint) if request.endpoint else None


def install_access(app: Flask, scope: Scope, *, token_interfaces: Collection[str] = ()) -> None:
    """Ask for the right of every route. The blueprints of `token_interfaces` ask whoever comes by themselves."""
    app.extensions[_SCOPE] = scope

    @app.before_request
    def require_right() -> Response | None:
        if request.endpoint is None or request.blueprint in token_interfaces:
            return None  # there is no such page, which Flask says in a moment; or a room, which has a token
        right = requested_right()
        if right is not None and has_right(ANYBODY, right, scope):
            return None
        if isinstance(session, TableSession) and session.is_unavailable:
            raise SessionsUnavailable("It is not known at the moment who is signed in. Please try again shortly")
        if not current_user.is_authenticated:
            answer: Response = app.login_manager.unauthorized()  # type: ignore[attr-defined]  # Flask-Login's
            return answer
        return None if _has(right, scope) else abort(403)

    app.context_processor(lambda: {"may_open": lambda endpoint: may_open(endpoint, scope)})


def site_scope() -> Scope:
    """Return where the rights hold that this site asks for."""
    scope: Scope = current_app.extensions[_SCOPE]
    return scope


def may_open(endpoint: str, scope: Scope) -> bool:
    """Tell whether whoever is signed in may come to a page of this application."""
    return _has(find_right(current_app, endpoint), scope)


def _has(right: Right | None, scope: Scope) -> bool:
    return right is not None and has_right(current_user.account.roles, right, scope)
