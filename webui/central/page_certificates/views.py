"""Certificates for rooms' pages: which name each page has, and the form with which one is handed in."""

from flask import flash, redirect, render_template, url_for
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import acme_renewal, page_certificates, room_life, rooms
from appliance.central.errors import CentralError, NotPossible
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid, select_choices
from webui.central.page_certificates.forms import EVERY_ROOM, HandInForm
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("page_certificates", __name__, home="page_certificates.show")


@blueprint.get("/rooms/pages")
@requires(Right.ENROL_ROOMS)
def show() -> str:
    """Show which certificate the pages of each room have from here."""
    with central().store.read_session() as session:
        return _render(session, _make_form(session, is_empty=True))


@blueprint.post("/rooms/pages")
@requires(Right.ENROL_ROOMS)
def hand_in() -> Redirect | tuple[str, int]:
    """Take a certificate with its key."""
    with central().store.read_session() as session:
        form = _make_form(session)
    try:
        require_valid(form)
        flash(_hand_in(form), "success")
    except CentralError as problem:
        flash(f"{problem}.", "warning")
        with central().store.read_session() as session:
            return _render(session, form), 422
    return redirect(url_for("page_certificates.show"))


def _hand_in(form: HandInForm) -> str:
    """Return what was taken, in words. Raises CentralError."""
    from appliance.central.page_files import read_handed_in  # noqa: PLC0415 (nine megabytes)

    if form.room.data == EVERY_ROOM:
        acme_renewal.refuse_beside_acme(central().settings)
    handed = read_handed_in(_read(form.certificate), _read(form.key), central().now())
    with central().store.write_session() as session:
        room = None if form.room.data == EVERY_ROOM else room_life.require_room(session, form.room.data)
        row = page_certificates.hand_in(
            session, central().keys, central().now(), handed=handed, room=room,
            publicly_trusted=bool(form.publicly_trusted.data), by=current_username(),
        )  # fmt: skip
        shown = {"name": row.name, "room": room.name if room else "", "day": f"{handed.ends:%Y-%m-%d}"}
    if not shown["room"]:
        return gettext(
            "The certificate is taken, for every room, below %(name)s, until %(day)s. "
            "Rooms have it within seconds.",
            **shown,
        )
    return gettext(
        "The certificate is taken, for %(room)s: %(name)s, until %(day)s. The room has it within seconds.", **shown
    )


def _read(field: FileField) -> bytes:
    if not field.data:
        raise NotPossible(f"{field.label.text}: choose a file")
    content: bytes = field.data.stream.read(page_certificates.MAX_FILE_BYTES + 1)
    return content


def _make_form(session: Session, *, is_empty: bool = False) -> HandInForm:
    form = HandInForm(formdata=None) if is_empty else HandInForm()
    names = (room.name for room in rooms.list_rooms(session))
    form.room.choices = select_choices(
        {EVERY_ROOM: gettext("every room (a name with a star)")} | {name: name for name in names}
    )
    return form


def _render(session: Session, form: HandInForm) -> str:
    pages = page_certificates.read_pages(session)
    return render_template(
        "page_certificates/pages.html",
        form=form,
        found=[(room, pages.find_page(room)) for room in rooms.list_rooms(session)],
        conditions=page_certificates.list_conditions(session, central().now(), rooms.list_rooms(session)),
        is_ordered=central().settings.central.acme is not None,
    )
