"""Keeps who is signed in, in a table of the site's own, behind Flask's own interface for sessions.

The cookie, signed as ever, carries what a form needs (its token, messages) and, for who signed in, the random id
that Flask-Login keeps. Whether that id is worth anything only the table knows: one that was ended, or that is too
old, leaves an empty session. Somebody who has not signed in has no row, so that no stranger can fill the table.

What a page does by itself, fetching its parts anew or listening for news, is nobody's doing: it takes no message
away, writes no cookie, and keeps no session alive.
"""

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from appliance.sessions import SessionRecord, SessionsUnavailable, SessionTable

SESSION_ID = "_user_id"  # where Flask-Login keeps what `SignedInUser.get_id` returns
_KEPT = "csrf_token"  # a form that was open when its session ended leads to the sign-in page, not to an error


class TableSession(SecureCookieSession):
    """What a request carries, and what the table says of it."""

    record: SessionRecord | None = None
    is_unavailable = False  # the table could not be asked
    is_background = False  # the page asks by itself


class TableSessionInterface(SecureCookieSessionInterface):
    """Opens and saves sessions for a site."""

    session_class = TableSession

    def __init__(self, table: SessionTable) -> None:
        self.table = table

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request: an empty one where the table does not know its id."""
        session = super().open_session(app, request)
        if not isinstance(session, TableSession):
            return session
        session.is_background = is_background(request)
        session_id = session.get(SESSION_ID)
        if isinstance(session_id, str):
            self._look_up(app, session, session_id)
        if session.is_background:
            session.pop("_flashes", None)  # they are for the page that a person sees next; this is not saved
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie where it changed, and where it is not for the table's own trouble or the page's sake."""
        if isinstance(session, TableSession) and (session.is_background or session.is_unavailable):
            return
        super().save_session(app, session, response)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name, which is another one over HTTPS."""
        return cookie_name(super().get_cookie_name(app))

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 (Flask's signature)
        """Tell whether the cookie is for HTTPS alone: whatever is set there, by us or by somebody before us."""
        return request.is_secure

    def _look_up(self, app: Flask, session: TableSession, session_id: str) -> None:
        try:
            session.record = self.table.find_session(session_id)
        except SessionsUnavailable as problem:
            app.logger.warning("nobody knows who is signed in: %s", problem)
            session.is_unavailable = True
            return
        if session.record is None:
            token = session.get(_KEPT)
            session.clear()
            if token is not None:
                session[_KEPT] = token
        elif not session.is_background:
            self.table.touch_session(session_id, session.record)


def cookie_name(name: str) -> str:
    """Return what a cookie of ours is called on this request's page.

    Over HTTPS a page in the clear can neither read it nor set one in its place (RFC 6265bis, section 4.1.3.2).
    """
    return f"__Host-{name}" if request.is_secure else name


def is_background(request: Request) -> bool:
    """Tell whether a page asks by itself (`refresh.js`): for its parts, or for news."""
    return "X-Refresh" in request.headers or "text/event-stream" in request.headers.get("Accept", "")


def session_table(app: Flask) -> SessionTable:
    """Return the table that an application keeps its sessions in."""
    interface = app.session_interface
    assert isinstance(interface, TableSessionInterface)  # noqa: S101 (ours)
    return interface.table
