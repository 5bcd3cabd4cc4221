"""Certificates for rooms' pages: which name each page has, and the form with which one is handed in."""

from flask import flash, redirect, render_template, request, url_for
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import acme_renewal, page_certificates, room_life, rooms
from appliance.central.errors import CentralError, NotPossible
from appliance.central.models import RoomRow
from appliance.central.page_keys_left import list_left_keys
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid, select_choices
from webui.central.page_certificates.forms import EVERY_ROOM, HandInForm, TakeBackForm
from webui.central.page_certificates.left_keys import describe_left_key
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
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


@blueprint.get("/rooms/pages/take-back")
@requires(Right.ENROL_ROOMS)
def look_at_taking_back() -> str:
    """Show what becomes of rooms' pages where a certificate is taken back; nothing is changed."""
    form = TakeBackForm(formdata=request.args)
    with central().store.read_session() as session:
        room = _find_room(session, form)
        row = page_certificates.require_page_row(session, room)
        form.seen.data = page_certificates.RoomPage(row, row.name).digest
        losses = page_certificates.list_losses(session, rooms.list_rooms(session), row)
        return render_template("page_certificates/take_back.html", form=form, row=row, room=room, losses=losses)


@blueprint.post("/rooms/pages/take-back")
@requires(Right.ENROL_ROOMS)
def take_back() -> Redirect:
    """Give a room, or all, no certificate any more; the message can give it back."""
    form = TakeBackForm()
    with central().store.write_session() as session:
        room = _find_room(session, form)
        if room is None:
            acme_renewal.refuse_beside_acme(central().settings)
        row = page_certificates.require_page_row(session, room)
        if page_certificates.RoomPage(row, row.name).digest != form.seen.data:
            raise NotPossible("another certificate was handed in in the meantime, so nothing was taken back")
        page_certificates.take_back(session, central().now(), room=room, by=current_username())
        pages = row.name if room else f"*.{row.name}"
    words = gettext("The certificate for %(pages)s is taken back. Rooms let go of it within seconds.", pages=pages)
    flash_with_undo(words, url_for("page_certificates.give_back"), room_id=form.room_id.data or "")
    return redirect(url_for("page_certificates.show"))


@blueprint.post("/rooms/pages/give-back")
@requires(Right.ENROL_ROOMS)
def give_back() -> Redirect:
    """Let rooms have again what was taken back."""
    form = TakeBackForm()
    with central().store.write_session() as session:
        room = _find_room(session, form)
        if room is None:
            acme_renewal.refuse_beside_acme(central().settings)
        row = page_certificates.give_back(session, central().now(), room=room, by=current_username())
        pages = row.name if room else f"*.{row.name}"
    flash(gettext("Rooms have the certificate for %(pages)s again, within seconds.", pages=pages), "success")
    return redirect(url_for("page_certificates.show"))


def _find_room(session: Session, form: TakeBackForm) -> RoomRow | None:
    """Return the room whose own certificate is meant; None: that of every room. Raises NotFound."""
    asked = form.room_id.data or EVERY_ROOM
    return None if asked == EVERY_ROOM else rooms.get_room(session, int(asked) if asked.isdecimal() else 0)


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
    names = rooms.name_rooms(session).values()
    form.room.choices = select_choices(
        {EVERY_ROOM: gettext("every room (a name with a star)")} | {name: name for name in names}
    )
    return form


def _render(session: Session, form: HandInForm) -> str:
    pages, listed = page_certificates.read_pages(session), rooms.list_rooms(session)
    names: dict[int | None, str] = {room.id: room.name for room in [*listed, *rooms.list_ended_rooms(session)]}
    return render_template(
        "page_certificates/pages.html",
        form=form,
        found=[(room, pages.find_page(room)) for room in listed],
        handed_in=[(names.get(room_id, ""), row) for room_id, row in pages.rows.items()],
        conditions=page_certificates.list_conditions(session, central().now(), listed),
        left_keys=[describe_left_key(one) for one in list_left_keys(session)],
        is_ordered=central().settings.central.acme is not None,
    )
