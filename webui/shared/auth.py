"""Signing in and out: the form, the session, and who is asked.

A site brings a function that says whose a user name and password are, and a table that keeps who is signed in
(`webui.shared.sessions`). Where a code is asked as well, the site's word that the password was right lies in the
cookie until the code is brought (`CodeWanted`); nobody is signed in until then. Signing in begins a session with a
new id; a device on which everything was right keeps a token of its own, by which it is known again
(`appliance.sign_in_throttle`).
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from flask import Flask, current_app, flash, make_response, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as WerkzeugResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from appliance.control_characters import find_control_character
from appliance.protocol import Account
from appliance.rights import Right
from appliance.sessions import SessionTable, describe_device, new_session_id
from appliance.sign_in_throttle import KNOWN_DEVICE_DAYS
from webui.shared.access import requires
from webui.shared.client_address import client_address
from webui.shared.sessions import SESSION_ID, TableSession, TableSessionInterface, cookie_name
from webui.shared.translation import gettext, lazy_gettext

DEVICE_TOKEN_LENGTH = 64


class SignInAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed, and where."""

    username: str
    password: str
    address: str
    device: str  # the browser's token, which it keeps once a password was right in it
    step: str = ""  # what `CodeWanted` brought before: then a code comes instead of a password
    code: str = ""


class SignInRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody was not signed in, in a sentence for them."""

    words: str
    status: int = 401
    wait_seconds: int = 0
    is_over: bool = False  # to be tried from the beginning, and not with another code


class CodeWanted(msgspec.Struct, frozen=True):
    """The password was right; a code is asked as well."""

    step: str  # the site's word for it


SignInAnswer = Account | SignInRefused | CodeWanted
Authenticate = Callable[[SignInAttempt], SignInAnswer]
InsteadOfForm = Callable[[], str]
_STEP = "sign-in-step"  # of the cookie: the user name, and the site's word
MAX_CODE_LENGTH = 64


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """User name and password."""

    username = StringField(
        lazy_gettext("User name"), [InputRequired(), Length(max=64)], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        lazy_gettext("Password"),
        [InputRequired(), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A code of somebody's second factor, or one of the recovery codes."""

    code = StringField(
        lazy_gettext("Code"),
        [InputRequired(), Length(max=MAX_CODE_LENGTH)],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"},
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
            return redirect(next_page() or url_for(home))
        if page := instead_of_form():
            return page
        form = SignInForm()
        if not form.validate_on_submit():
            return render_template("shared/sign_in.html", form=form)
        username, device = form.username.data, current_device()
        answer = check(
            SignInAttempt(
                username=username, password=form.password.data, address=client_address(request), device=device
            )
        )
        if isinstance(answer, SignInRefused):
            return _refuse("shared/sign_in.html", form, answer)
        if isinstance(answer, CodeWanted):
            return ask_for_code(username, answer.step)
        return begin_session(table, answer, device, next_page() or url_for(home))

    _install_code_page(app, table, check, home, instead_of_form)

    @app.post("/sign-out")
    @requires(Right.VISIT)
    def sign_out() -> WerkzeugResponse:
        session_id = session.get(SESSION_ID)
        logout_user()
        session.clear()
        if isinstance(session_id, str):
            table.end_session(session_id)
        return redirect(url_for("sign_in"))


def _install_code_page(
    app: Flask, table: SessionTable, check: Authenticate, home: str, instead_of_form: InsteadOfForm
) -> None:
    @app.route("/sign-in/code", methods=["GET", "POST"])
    @requires(Right.VISIT)
    def sign_in_code() -> str | WerkzeugResponse:
        username, step = _kept_step()
        if current_user.is_authenticated or not step:
            return redirect(url_for("sign_in", next=next_page() or None))
        if page := instead_of_form():
            return page
        form = CodeForm()
        if not form.validate_on_submit():
            return render_template("shared/sign_in_code.html", form=form, username=username)
        device = current_device()
        answer = check(
            SignInAttempt(
                username=username, password="", address=client_address(request), device=device, step=step,
                code=form.code.data,
            )
        )  # fmt: skip
        if isinstance(answer, Account):
            return begin_session(table, answer, device, next_page() or url_for(home))
        if isinstance(answer, SignInRefused) and not answer.is_over:
            return _refuse("shared/sign_in_code.html", form, answer, username=username)
        session.pop(_STEP, None)
        flash(gettext("That took too long. Please sign in once more."), "warning")
        return redirect(url_for("sign_in", next=next_page() or None))


def ask_for_code(username: str, step: str, wanted: str = "") -> WerkzeugResponse:
    """Lead somebody whose password was right to where they bring their code; then they go on."""
    session[_STEP] = [username, step]
    return redirect(url_for("sign_in_code", next=wanted or next_page() or None))


def begin_session(table: SessionTable, account: Account, device: str, wanted: str) -> WerkzeugResponse:
    """Sign somebody in who has proved everything that is asked, and lead them on. Raises SessionsUnavailable."""
    browser = describe_device(request.headers.get("User-Agent", ""))
    session_id = table.start_session(account, browser, client_address(request))
    session.clear()  # a session of before must not live on as somebody's
    session.permanent = True
    login_user(SignedInUser(account, session_id))
    response = redirect(wanted)
    _keep_device(response, device)
    return response


def _kept_step() -> tuple[str, str]:
    """Return whose password was right in this browser, and the site's word for it; "" twice where nobody's was."""
    kept = session.get(_STEP)
    return (str(kept[0]), str(kept[1])) if isinstance(kept, list) and len(kept) == 2 else ("", "")


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


def _refuse(template: str, form: FlaskForm, refusal: SignInRefused, username: str = "") -> WerkzeugResponse:
    page = render_template(template, form=form, wrong=refusal.words, username=username)
    response = make_response(page, refusal.status)
    if refusal.wait_seconds:
        response.headers["Retry-After"] = str(refusal.wait_seconds)
    return response


def next_page() -> str:
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
