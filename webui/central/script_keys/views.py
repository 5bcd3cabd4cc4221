"""Keys for the school's own scripts: made, shown once, and taken back."""

from datetime import timedelta

from flask import flash, redirect, render_template, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as Redirect

from appliance.central import script_keys
from appliance.central.errors import CentralError, NotFound
from appliance.central.models import UserRow
from appliance.central.script_keys import NewKey
from appliance.rights import Right, has_right, script_rights_at
from webui.central.accounts.forms import end_of_day
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.script_keys.forms import ScriptKeyForm, make_form
from webui.shared.access import requires, site_scope
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable

MAX_SHOWN_KEYS = 3  # made and not noted yet; a cookie holds no more
FIRST_TIME = timedelta(days=90)  # how long a key works where nobody says otherwise
_KEY = "made-script-keys"
_NOT_SHOWN = translatable(
    "That key is not shown any more: only whoever makes one sees it, until they have noted it"
)

blueprint = create_feature_blueprint("script_keys", __name__, home="script_keys.show")


@blueprint.get("/script-keys")
@requires(Right.MAKE_SCRIPT_KEYS)
def show() -> str:
    """Show the keys, and the form for a new one."""
    form = _make_form()
    form.ends.data = (school_clock().local(central().now()) + FIRST_TIME).date()
    return _render(form)


@blueprint.post("/script-keys")
@requires(Right.MAKE_SCRIPT_KEYS)
def add() -> str | Redirect:
    """Make a key, and go to the page that shows it once."""
    form, now = _make_form(), central().now()
    try:
        require_valid(form)
        ends = end_of_day(form.ends.data) or now  # a form that is valid has a day
        with central().store.write_session(affects_rooms=False) as database:
            made = script_keys.add_key(
                database, now, name=form.name.data, owner=current_username(),
                rights=[Right[one] for one in form.rights.data], ends=ends, by=current_username(),
            )  # fmt: skip
    except CentralError as problem:
        return _render(form, str(problem))
    _remember(made, form.name.data)
    return redirect(url_for("script_keys.show_new", handle=made.handle))


@blueprint.get("/script-keys/<handle>")
@requires(Right.MAKE_SCRIPT_KEYS)
def show_new(handle: str) -> str | Redirect:
    """Show a key that was made just now."""
    made = next((one for one in session.get(_KEY, []) if one["handle"] == handle), None)
    if made is None:
        raise NotFound(_NOT_SHOWN)
    return render_template("script_keys/new_key.html", made=made)


@blueprint.post("/script-keys/<handle>/noted")
@requires(Right.MAKE_SCRIPT_KEYS)
def stop_showing(handle: str) -> Redirect:
    """Show a key no more."""
    session[_KEY] = [one for one in session.get(_KEY, []) if one["handle"] != handle]
    return redirect(url_for("script_keys.show"))


@blueprint.post("/script-keys/<int:key_id>/revoke")
@requires(Right.MAKE_SCRIPT_KEYS)
def revoke(key_id: int) -> Redirect:
    """Take a key back."""
    with central().store.write_session(affects_rooms=False) as database:
        row = script_keys.revoke_key(
            database, central().now(), key_id=key_id, by=current_username(), of=_shown_owner()
        )
    words = gettext("The key of %(name)s does nothing any more.", name=row.name)
    flash_with_undo(words, url_for("script_keys.restore", key_id=key_id))
    return redirect(url_for("script_keys.show"))


@blueprint.post("/script-keys/<int:key_id>/restore")
@requires(Right.MAKE_SCRIPT_KEYS)
def restore(key_id: int) -> Redirect:
    """Let a key work again that was taken back by mistake."""
    with central().store.write_session(affects_rooms=False) as database:
        row = script_keys.restore_key(
            database, central().now(), key_id=key_id, by=current_username(), of=_shown_owner()
        )
    flash(gettext("The key of %(name)s works again.", name=row.name))
    return redirect(url_for("script_keys.show"))


def _shown_owner() -> str:
    """Return whose keys whoever is signed in sees: their own; "" for whoever looks after everybody's."""
    looks_after_all = has_right(current_user.account.roles, Right.CONNECT_SERVICES, site_scope())
    return "" if looks_after_all else current_username()


def _remember(made: NewKey, name: str) -> None:
    kept = [*session.get(_KEY, []), {"handle": made.handle, "token": made.token, "name": name}]
    session[_KEY] = kept[-MAX_SHOWN_KEYS:]


def _make_form() -> ScriptKeyForm:
    with central().store.read_session() as database:
        user = database.get(UserRow, current_user.account.username)
        return make_form(script_keys.grantable_rights(user, site_scope()) if user is not None else ())


def _render(form: ScriptKeyForm, mistake: str = "") -> str:
    now = central().now()
    with central().store.read_session() as database:
        keys = [
            (row, script_keys.is_alive(row, now), script_keys.describe_state(database, row, now))
            for row in script_keys.list_keys(database, of=_shown_owner())
        ]
        return render_template(
            "script_keys/script_keys.html",
            keys=keys,
            form=form,
            mistake=mistake,
            words=script_rights_at(site_scope()),
            rights=Right,
        )
