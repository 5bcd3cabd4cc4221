"""The rooms: how they are, and what becomes of them."""

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import card_secrets, policies, room_copies, room_life, rooms
from appliance.central.ended_cards import find_ended_cards
from appliance.central.errors import CentralError
from appliance.central.models import RoomRow
from appliance.central.room_life import RoomLives
from appliance.central.room_names import normalize_room_name, room_name_key
from appliance.rights import Right
from appliance.room.conditions import describe_condition
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.paged_rows import find_requested_rows
from webui.central.rooms.forms import MAX_ROOMS_AT_ONCE, EnrolForm, RenameForm
from webui.central.word_tables import name_condition
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("rooms", __name__, home="rooms.show")


@blueprint.get("/rooms")
@requires(Right.SEE_ROOMS)
def show() -> str:
    """Show every room and how it is."""
    return _render_rooms(EnrolForm(formdata=None))


@blueprint.post("/rooms")
@requires(Right.ENROL_ROOMS)
def enrol() -> str | tuple[str, int] | Redirect:
    """Enrol rooms, and lead to the files for their cards. Asks first where one of them is in use."""
    form = EnrolForm()
    try:
        names = _names_of(require_valid(form))
        with central().store.write_session() as session:
            for name in room_life.require_unused(session, names, replace=bool(form.replace.data)):
                _give_card(session, name)
    except RoomLives as problem:
        living = list(problem.names)
        return render_template("rooms/replace.html", form=form, living=living, asked=len(names))
    except CentralError as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        return _render_rooms(form), 422
    return redirect(url_for("room_cards.show"))


@blueprint.get("/rooms/<int:room_id>")
@requires(Right.SEE_ROOMS)
def show_room(room_id: int) -> str:
    """Show one room, and what can be done with it."""
    with central().store.read_session() as session:
        room = rooms.get_room(session, room_id)
        form = RenameForm(formdata=None, name=room.name, instead_of=room.name)
        return _render_room(session, room, form)


@blueprint.post("/rooms/<int:room_id>/name")
@requires(Right.ENROL_ROOMS)
def rename(room_id: int) -> str | tuple[str, int] | Redirect:
    """Call a room otherwise."""
    form = RenameForm()
    try:
        with central().store.write_session() as session:
            before, name = room_life.rename_room(
                session,
                central().now(),
                room_id=room_id,
                name=require_valid(form).name.data,
                instead_of=form.instead_of.data or "",
                by=current_username(),
            )
    except CentralError as problem:
        with central().store.read_session() as session:
            room = rooms.get_room(session, room_id)
            flash(f"{translate_reason(problem)}.", "warning")
            form.instead_of.data = room.name
            page = _render_room(session, room, form)
        return page, 422
    if name != before:
        flash_with_undo(
            gettext("%(before)s is called %(name)s now.", before=before, name=name),
            url_for("rooms.rename", room_id=room_id),
            name=before,
            instead_of=name,
        )
    return redirect(url_for("rooms.show_room", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/card")
@requires(Right.ENROL_ROOMS)
def give_new_card(room_id: int) -> Redirect:
    """Give a room a new card; its page has said that the old one stops."""
    with central().store.write_session() as session:
        _give_card(session, rooms.get_room(session, room_id).name)
    return redirect(url_for("room_cards.show"))


@blueprint.post("/rooms/<int:room_id>/retire")
@requires(Right.ENROL_ROOMS)
def retire(room_id: int) -> Redirect:
    """Take a room out of use; the message can put it back."""
    with central().store.write_session() as session:
        room = room_life.retire_room(session, central().now(), room_id=room_id, by=current_username())
    words = gettext(
        "%(room)s is retired. It goes on filtering as it did, but hears of no decision any more.", room=room.name
    )
    flash_with_undo(words, url_for("rooms.put_back", room_id=room_id))
    return redirect(url_for("rooms.show"))


@blueprint.post("/rooms/<int:room_id>/put-back")
@requires(Right.ENROL_ROOMS)
def put_back(room_id: int) -> Redirect:
    """Take a retired room into use again."""
    with central().store.write_session() as session:
        room = room_life.put_back_room(session, central().now(), room_id=room_id, by=current_username())
    flash(gettext("%(room)s is in use again. Its card goes on by itself, within a minute.", room=room.name))
    return redirect(url_for("rooms.show"))


@blueprint.get("/rooms/<int:room_id>/revoke")
@requires(Right.ENROL_ROOMS)
def ask_before_revoking(room_id: int) -> str | Redirect:
    """Say what becomes of a card that is revoked, which nothing undoes, before it is."""
    with central().store.read_session() as session:
        room = rooms.get_room(session, room_id)
        if room.state == "revoked":
            return redirect(url_for("rooms.show_room", room_id=room_id))
        return render_template("rooms/revoke.html", room=room)


@blueprint.post("/rooms/<int:room_id>/revoke")
@requires(Right.ENROL_ROOMS)
def revoke(room_id: int) -> Redirect:
    """End a card for good: it is lost, or somebody else's."""
    with central().store.write_session() as session:
        room = room_life.revoke_room(session, central().now(), room_id=room_id, by=current_username())
    flash(
        gettext(
            "The card of %(room)s is revoked: it never works again. Give the room a new card when there is one.",
            room=room.name,
        )
    )
    return redirect(url_for("rooms.show_room", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/keep-running")
@requires(Right.ENROL_ROOMS)
def keep_running(room_id: int) -> Redirect:
    """Decide that the card which works is the right one."""
    with central().store.write_session() as session:
        room = room_copies.keep_running(session, central().now(), room_id=room_id, by=current_username())
    flash(gettext("%(room)s goes on as it is; the other card stays stopped.", room=room.name))
    return redirect(url_for("rooms.show_room", room_id=room_id))


@blueprint.post("/rooms/<int:room_id>/admit-stopped")
@requires(Right.ENROL_ROOMS)
def admit_stopped(room_id: int) -> Redirect:
    """Decide that the card which was stopped is the right one."""
    with central().store.write_session() as session:
        room = room_copies.admit_stopped(session, central().now(), room_id=room_id, by=current_username())
    flash(
        gettext(
            "The other card takes over %(room)s, within a minute; the one that worked until now is stopped.",
            room=room.name,
        )
    )
    return redirect(url_for("rooms.show_room", room_id=room_id))


def _give_card(session: Session, name: str) -> None:
    card_secrets.give_card(session, central().keys, central().now(), name=name, by=current_username())


def _names_of(form: EnrolForm) -> list[str]:
    """Return the names that were typed, each once. Raises NotPossible."""
    typed = [normalize_room_name(line) for line in form.names.data.splitlines() if line.strip()]
    names = list({room_name_key(name): name for name in reversed(typed)}.values())[::-1]  # as written first
    if not 0 < len(names) <= MAX_ROOMS_AT_ONCE:
        raise CentralError(f"between one and {MAX_ROOMS_AT_ONCE} rooms can be enrolled at once")
    return names


def _render_room(session: Session, room: RoomRow, form: RenameForm) -> str:
    return render_template(
        "rooms/room.html",
        room=room,
        form=form,
        now=central().now(),
        is_in_step=rooms.is_in_step(room, _latest_index(session)),
        waits_for_card=room_life.waits_for_card(room),
        previous_card=find_ended_cards(session, [room]).get(room.id),
        describe_condition=describe_condition,
        name_condition=name_condition,
    )


def _latest_index(session: Session) -> str:
    published = policies.latest_publication(session)
    return published.hash if published else ""


def _describe_state(room: RoomRow) -> str:
    """Return the labels of what is wrong with a room, to be searched in."""
    return " ".join(map(name_condition, (room.health or {}).get("conditions", ())))


def _render_rooms(form: EnrolForm) -> str:
    with central().store.read_session() as session:
        index = _latest_index(session)
        listed: list[RoomRow] = rooms.list_rooms(session)
        return render_template(
            "rooms/rooms.html",
            found=find_requested_rows(
                listed,
                describe=lambda room: f"{room.name} {_describe_state(room)}",
            ),
            ended=rooms.list_ended_rooms(session),
            now=central().now(),
            name_condition=name_condition,
            in_step={room.id for room in listed if rooms.is_in_step(room, index)},
            form=form,
            files_wait=card_secrets.are_files_waiting(session, central().now()),
            is_asked_again=request.method == "POST",
            describe_condition=describe_condition,
        )
