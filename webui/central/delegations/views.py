"""What teachers may open by themselves."""

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import delegations, profiles
from appliance.central.delegations import NeedsConfirmation
from appliance.central.errors import CentralError
from appliance.rights import Right
from blocklists.categories import category_name, is_sensitive
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.delegations.forms import DelegationForm, make_form
from webui.central.form_helpers import require_valid
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("delegations", __name__, home="delegations.show")
add_undo_page(blueprint, "/delegations", Right.DELEGATE, home="delegations.show", kinds=(delegations.KIND,))


@blueprint.get("/delegations")
@requires(Right.DELEGATE)
def show() -> str:
    """Show what is delegated, and the form."""
    with central().store.read_session() as session:
        return _render(session, _form(session))


@blueprint.post("/delegations")
@requires(Right.DELEGATE)
def delegate() -> Redirect | tuple[str, int] | str:
    """Let teachers open a category's sites by themselves; of what harms it is asked twice."""
    with central().store.read_session() as session:
        form = _form(session)
    try:
        require_valid(form)
        with central().store.write_session() as session:
            change = delegations.delegate_category(
                session, central().now(), category=form.category.data, minutes=form.minutes.data,
                per_day=form.per_day.data or 0, by=current_username(), groups=form.groups.data,
                confirmed=form.confirmed.data == form.category.data,
            )  # fmt: skip
    except NeedsConfirmation as problem:
        with central().store.read_session() as session:
            return _render(session, form, warning=str(problem), asks_about=form.category.data)
    except CentralError as problem:
        with central().store.read_session() as session:
            return _render(session, form, warning=str(problem)), 422
    flash_change(blueprint, change, gettext("Teachers may open these sites by themselves now."))
    return redirect(url_for("delegations.show"))


@blueprint.post("/delegations/end")
@requires(Right.DELEGATE)
def end() -> Redirect:
    """Let a category's sites wait for the coordinator again."""
    with central().store.write_session() as session:
        change = delegations.end_delegation(
            session, central().now(), category=request.form.get("category", ""),
            group=request.form.get("group", ""), by=current_username(),
        )  # fmt: skip
    flash_change(blueprint, change, gettext("Requests for these sites wait for you again."))
    return redirect(url_for("delegations.show"))


def _form(session: Session) -> DelegationForm:
    groups = [one.name for one in profiles.list_profiles(session)]
    return make_form(delegations.delegable_categories(session), groups)


def _render(session: Session, form: DelegationForm, *, warning: str = "", asks_about: str = "") -> str:
    return render_template(
        "delegations/delegations.html",
        delegations=delegations.list_delegations(session),
        form=form,
        warning=warning,
        asks_about=asks_about,
        category_name=category_name,
        is_sensitive=is_sensitive,
    )
