"""Signing in and out: the form, the session, and who is asked.

A site brings a function that says whose a user name and password are; what is kept in the session is the account
as it was then. A site may look each time whether the account still holds.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from flask import Flask, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as WerkzeugResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from appliance.protocol import Account
from appliance.rights import Right
from webui.shared.access import requires

Authenticate = Callable[[str, str], Account | str]  # an account, or the sentence that says why not


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """User name and password."""

    username = StringField("User name", [InputRequired(), Length(max=64)], render_kw={"autocomplete": "username"})
    password = PasswordField(
        "Password", [InputRequired(), Length(max=200)], render_kw={"autocomplete": "current-password"}
    )


class SignedInUser(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """Somebody who is signed in."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session."""
        return self.account.username


def install_auth(app: Flask, check: Authenticate, still_holds: Callable[[Account], bool], home: str) -> None:
    """Give an application its pages /sign-in and /sign-out; `home` is the endpoint to go to."""
    manager = LoginManager(app)
    manager.login_view = "sign_in"
    manager.login_message = ""

    @manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(username: str) -> SignedInUser | None:
        try:
            account = msgspec.convert(session.get("account"), Account)
        except msgspec.ValidationError:
            return None
        ended = account.ends is not None and account.ends <= datetime.now(UTC)
        if account.username != username or ended or not still_holds(account):
            return None
        return SignedInUser(account)

    @app.route("/sign-in", methods=["GET", "POST"])
    @requires(Right.VISIT)
    def sign_in() -> str | tuple[str, int] | WerkzeugResponse:
        if current_user.is_authenticated:
            return redirect(url_for(home))
        form = SignInForm()
        if not form.validate_on_submit():
            return render_template("shared/sign_in.html", form=form)
        answer = check(form.username.data, form.password.data)
        if isinstance(answer, str):
            return render_template("shared/sign_in.html", form=form, wrong=answer), 401
        session.clear()  # a session of before must not live on as somebody's
        session["account"] = msgspec.to_builtins(answer)
        session.permanent = True
        login_user(SignedInUser(answer))
        return redirect(_next_page() or url_for(home))

    @app.post("/sign-out")
    @requires(Right.VISIT)
    def sign_out() -> WerkzeugResponse:
        logout_user()
        session.clear()
        return redirect(url_for("sign_in"))


def current_username() -> str:
    """Return the user name of whoever is signed in."""
    user: SignedInUser = current_user
    return user.account.username


def _next_page() -> str:
    """Return the page of ours that somebody wanted before they had to sign in, or ""."""
    wanted = request.args.get("next", "")
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return ""
    ours = wanted.startswith("/") and not wanted.startswith("//") and not parts.netloc and "\\" not in wanted
    return wanted if ours else ""
