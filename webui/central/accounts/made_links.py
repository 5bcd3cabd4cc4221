"""A link for somebody's password, shown to whoever made it until they say that they have noted it.

The link itself stands in the session of whoever made it and nowhere else, so a reload shows it again. One that was
used, has ended or was replaced meanwhile is not shown: it would open nothing.
"""

from datetime import datetime

import msgspec
from flask import flash, redirect, render_template, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import account_links
from appliance.central.account_links import NewLink
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.translation import gettext

MAX_MADE_LINKS = 5  # a cookie holds no more; an older one is made anew
_KEY = "made-links"


class ShownLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that waits to be given to whom it is for."""

    handle: str
    username: str
    address: str


blueprint = create_feature_blueprint("made_links", __name__, home="accounts.show")


def remember_link(link: NewLink, username: str) -> None:
    """Keep a link until whoever made it has noted it."""
    kept = [one for one in session.get(_KEY, []) if one["username"] != username]
    made = {"handle": link.handle, "token": link.token, "username": username, "ends": link.ends.isoformat()}
    session[_KEY] = [*kept, made][-MAX_MADE_LINKS:]


def list_shown_links(database: Session, now: datetime) -> list[ShownLink]:
    """Return the links that whoever asks made and has not noted yet, of those that still open something."""
    return [
        ShownLink(
            handle=one["handle"],
            username=one["username"],
            address=url_for("new_password.show", token=one["token"], _external=True),
        )
        for one in session.get(_KEY, [])
        if account_links.is_alive(database, now, one["handle"])
    ]


def forget_link(handle: str) -> None:
    """Show a link no more."""
    session[_KEY] = [one for one in session.get(_KEY, []) if one["handle"] != handle]


@blueprint.get("/account-links/<handle>")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def show(handle: str) -> str | Redirect:
    """Show a link that was made just now."""
    made = next((one for one in session.get(_KEY, []) if one["handle"] == handle), None)
    with central().store.read_session() as database:
        alive = made is not None and account_links.is_alive(database, central().now(), handle)
    if made is None or not alive:
        flash(
            gettext("That link is not shown any more: it was noted or used, or a newer one was made."), "warning"
        )
        return redirect(url_for("accounts.show"))
    link = url_for("new_password.show", token=made["token"], _external=True)
    hours = int(account_links.LINK_TIME.total_seconds() // 3600)
    return render_template("accounts/made_link.html", link=link, made=made, hours=hours)


@blueprint.post("/account-links/<handle>/noted")
@requires(Right.MANAGE_SUPPLY_ACCOUNTS)
def stop_showing(handle: str) -> Redirect:
    """Show a link no more."""
    forget_link(handle)
    return redirect(url_for("accounts.show"))
