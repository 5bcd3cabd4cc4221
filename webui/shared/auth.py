"""Signing in and out: the form, the session, and who is asked.

A site brings a function that says whose a user name and password are, and a table that keeps who is signed in
(`webui.shared.sessions`). Signing in begins a session with a new id; a device on which a password was right keeps
a token of its own, by which it is known again (`appliance.sign_in_throttle`).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from flask import Flask, current_app, make_response, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as WerkzeugResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from appliance.protocol import Account, find_control_character
from appliance.rights import Right
from appliance.sessions import SessionTable, describe_device, new_session_id
from appliance.sign_in_throttle import KNOWN_DEVICE_DAYS
from webui.shared.access import requires
from webui.shared.client_address import client_address
from webui.shared.sessions import SESSION_ID, TableSession, TableSessionInterface, cookie_name

DEVICE_TOKEN_LENGTH = 64


class SignInAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed, and where."""

    username: str
    password: str
    address: str
    device: str  # the browser's token, which it keeps once a password was right in it


class SignInRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody was not signed in, in a sentence for them."""

    words: str
    status: int = 401
    wait_seconds: int = 0


Authenticate = Callable[[SignInAttempt], Account | SignInRefused]
InsteadOfForm = Callable[[], str]


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """User name and password."""

    username = StringField("User name", [InputRequired(), Length(max=64)], render_kw={"autocomplete": "username"})
    password = PasswordField(
        "Password", [InputRequired(), Length(max=200)], render_kw={"autocomplete": "current-password"}
    )


class SignedInUser(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """Somebody who is signed in."""

    def __init__(self, account: Account, session_id: str) -> None:
        self.account = account
        self.session_id = session_id

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session."""
        return self.session_id


def install_auth(
    app: Flask, table: SessionTable, check: Authenticate, home: str, *, instead_of_form: InsteadOfForm = str
) -> None:
    """Give an application its pages /sign-in and /sign-out; `home` is the endpoint to go to.

    `instead_of_form` returns the page where no password may be typed: then a form is neither shown nor taken.
    "": it may be.
    """
    app.session_interface = TableSessionInterface(table)
    manager = LoginManager(app)
    manager.login_view = "sign_in"
    manager.login_message = ""

    @manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(session_id: str) -> SignedInUser | None:
        record = session.record if isinstance(session, TableSession) else None
        return SignedInUser(record.account, session_id) if record is not None else None

    @app.route("/sign-in", methods=["GET", "POST"])
    @requires(Right.VISIT)
    def sign_in() -> str | WerkzeugResponse:
        if current_user.is_authenticated:
            return redirect(_next_page() or url_for(home))
        if page := instead_of_form():
            return page
        form = SignInForm()
        if not form.validate_on_submit():
            return render_template("shared/sign_in.html", form=form)
        device = current_device()
        answer = check(
            SignInAttempt(
                username=form.username.data,
                password=form.password.data,
                address=client_address(request),
                device=device,
            )
        )
        if isinstance(answer, SignInRefused):
            return _refuse(form, answer)
        return begin_session(table, answer, device, _next_page() or url_for(home))

    @app.post("/sign-out")
    @requires(Right.VISIT)
    def sign_out() -> WerkzeugResponse:
        session_id = session.get(SESSION_ID)
        logout_user()
        session.clear()
        if isinstance(session_id, str):
            table.end_session(session_id)
        return redirect(url_for("sign_in"))


def begin_session(table: SessionTable, account: Account, device: str, wanted: str) -> WerkzeugResponse:
    """Sign somebody in who has proved everything that is asked, and lead them on. Raises SessionsUnavailable."""
    session_id = table.start_session(account, describe_device(request.headers.get("User-Agent", "")))
    session.clear()  # a session of before must not live on as somebody's
    session.permanent = True
    login_user(SignedInUser(account, session_id))
    response = redirect(wanted)
    _keep_device(response, device)
    return response


def current_username() -> str:
    """Return the user name of whoever is signed in."""
    user: SignedInUser = current_user
    return user.account.username


def current_session_id() -> str:
    """Return the id of the session of whoever is signed in."""
    user: SignedInUser = current_user
    return user.session_id


def current_device() -> str:
    """Return the token that this browser keeps, or a new one."""
    kept = request.cookies.get(_device_cookie(), "")
    return (
        kept
        if 0 < len(kept) <= DEVICE_TOKEN_LENGTH and kept.isascii() and kept.isprintable()
        else new_session_id()
    )


def _keep_device(response: WerkzeugResponse, device: str) -> None:
    response.set_cookie(
        _device_cookie(),
        device,
        max_age=KNOWN_DEVICE_DAYS * 86_400,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def _device_cookie() -> str:
    return cookie_name(f"{current_app.config['SESSION_COOKIE_NAME']}-device")


def _refuse(form: SignInForm, refusal: SignInRefused) -> WerkzeugResponse:
    page = render_template("shared/sign_in.html", form=form, wrong=refusal.words)
    response = make_response(page, refusal.status)
    if refusal.wait_seconds:
        response.headers["Retry-After"] = str(refusal.wait_seconds)
    return response


def _next_page() -> str:
    """Return the page of ours that somebody wanted before they had to sign in, or ""."""
    return own_page(request.args.get("next", ""))


def own_page(wanted: str) -> str:
    """Return an address where it is one of a page of ours, which leads nobody elsewhere; else ""."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return ""
    ours = wanted.startswith("/") and not wanted.startswith("//") and not parts.netloc and "\\" not in wanted
    return wanted if ours and not find_control_character(wanted) else ""
