"""What the trust has laid down: looked at, looked ahead, laid down, taken back, and put back in force."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central.errors import CentralError, NotPossible
from appliance.central.models import TrustEntryRow
from appliance.rights import Right
from appliance.trust import entries, preview, schools, state
from webui.central.blueprints import create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.paged_rows import find_requested_rows
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.translation import gettext, ngettext
from webui.trust.blueprints import trust
from webui.trust.entries.forms import FORMS, make_form
from webui.trust.entry_words import describe_entry

blueprint = create_feature_blueprint("entries", __name__, home="entries.show")


@blueprint.get("/laid-down")
@requires(Right.SEE_TRUST)
def show() -> str:
    """Show what is in force, or what was taken back."""
    is_ended = request.args.get("ended") == "1"
    with trust().store.read_session() as session:
        listed = entries.list_entries(session, entries.KINDS, ended=is_ended)
        names = {one.id: one.name for one in schools.list_schools(session)}
        number = state.require_trust(session).number
    return render_template(
        "entries/entries.html",
        found=find_requested_rows(
            listed,
            describe=lambda one: f"{one.id} {describe_entry(one)} {one.content.get('note', '')}",
        ),
        names=names,
        is_ended=is_ended,
        number=number,
        forms=FORMS,
    )


@blueprint.get("/laid-down/new/<kind>")
@requires(Right.LAY_DOWN)
def ask(kind: str) -> str:
    """Show the form for something of a kind."""
    _require_kind(kind)
    with trust().store.read_session() as session:
        form = make_form(session, kind)
    return render_template("entries/new.html", form=form, kind=kind, words=FORMS[kind][1], ahead=None)


@blueprint.post("/laid-down/new/<kind>")
@requires(Right.LAY_DOWN)
def lay_down(kind: str) -> str | Redirect:
    """Say what would come of it; where that was seen, lay it down."""
    _require_kind(kind)
    with trust().store.read_session() as session:
        form = make_form(session, kind)
    try:
        require_valid(form)
        if request.form.get("seen") != "1":
            with trust().store.read_session() as session:
                ahead = _look_ahead(session, kind, form.content(), form.schools.data or ())
            return render_template("entries/new.html", form=form, kind=kind, words=FORMS[kind][1], ahead=ahead)
        with trust().store.write_session() as session:
            made = _lay_down(session, kind, form.content(), form.schools.data or ())
            numbers = ",".join(str(one.id) for one in made)
    except CentralError as problem:
        return render_template(
            "entries/new.html", form=form, kind=kind, words=FORMS[kind][1], ahead=None, mistake=str(problem)
        )
    words = ngettext(
        "Laid down: %(num)s entry. Schools hear of it within a minute.",
        "Laid down: %(num)s entries. Schools hear of them within a minute.",
        len(made),
    )
    flash_with_undo(words, url_for("entries.undo"), numbers=numbers)
    return redirect(url_for("entries.show"))


@blueprint.post("/laid-down/undo")
@requires(Right.LAY_DOWN)
def undo() -> Redirect:
    """Take back what was laid down just now."""
    given = request.form.get("numbers", "").split(",")
    if not all(_is_number(one) for one in given):
        raise NotPossible("this can no longer be undone")
    with trust().store.write_session() as session:
        for one in given:
            entries.end_entry(session, trust().now(), entry_id=int(one), by=current_username())
    flash(gettext("Undone. What schools know of ends there within a minute."))
    return redirect(url_for("entries.show"))


@blueprint.post("/laid-down/<int:number>/remove")
@requires(Right.LAY_DOWN)
def remove(number: int) -> Redirect:
    """Take something back."""
    with trust().store.write_session() as session:
        row = entries.end_entry(session, trust().now(), entry_id=number, by=current_username())
        what = describe_entry(row)
    words = gettext("Taken back: %(what)s. It ends at the schools within a minute.", what=what)
    flash_with_undo(words, url_for("entries.restore", number=number))
    return redirect(url_for("entries.show"))


@blueprint.post("/laid-down/<int:number>/restore")
@requires(Right.LAY_DOWN)
def restore(number: int) -> Redirect:
    """Put back in force what was taken back."""
    with trust().store.write_session() as session:
        row = entries.restore_entry(session, trust().now(), entry_id=number, by=current_username())
        what = describe_entry(row)
    flash(gettext("In force again: %(what)s.", what=what))
    return redirect(url_for("entries.show"))


def _require_kind(kind: str) -> None:
    if kind not in FORMS:
        abort(404)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _look_ahead(session: Session, kind: str, content: dict[str, Any], ids: Any) -> preview.EntryPreview:
    now = trust().now()
    if kind == "set":
        return preview.preview_set(session, now, set_id=content["set_id"], wanted=ids)
    return preview.preview_entry(session, now, kind=kind, content=content, wanted=ids)  # type: ignore[arg-type]  # FORMS has kinds


def _lay_down(session: Session, kind: str, content: dict[str, Any], ids: Any) -> list[TrustEntryRow]:
    now, by = trust().now(), current_username()
    if kind == "set":
        made = entries.add_set(session, now, set_id=content["set_id"], schools=ids, by=by)
        if not made:
            raise NotPossible("all of that set is shared already")
        return made
    return [entries.add_entry(session, now, kind=kind, content=content, schools=ids, by=by)]  # type: ignore[arg-type]  # as above
