"""The files for rooms' cards: shown and handed out until somebody says that they are saved (PRG, once made).

Loading this page again shows the same; nothing is made by looking.
"""

import io
import zipfile

from flask import Response, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.card.paths import ENROLMENT_NAME
from appliance.central import card_secrets, enrolment
from appliance.central.card_secrets import CardSecret
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("room_cards", __name__, home="room_cards.show")


@blueprint.get("/rooms/cards")
@requires(Right.ENROL_ROOMS)
def show() -> str:
    """Show what waits to be saved."""
    with central().store.read_session() as session:
        waiting = card_secrets.list_secrets(session, central().keys, central().now())
    return render_template(
        "room_cards/cards.html", waiting=waiting, missing=enrolment.describe_missing_setting(central().settings)
    )


@blueprint.get("/rooms/<int:room_id>/card")
@requires(Right.ENROL_ROOMS)
def download(room_id: int) -> Response:
    """Hand out the file for one card."""
    with central().store.read_session() as session:
        secret = card_secrets.get_secret(session, central().keys, central().now(), room_id)
        is_only_one = len(card_secrets.list_secrets(session, central().keys, central().now())) == 1
    # As the card calls it, so that it needs no other name there; several in one folder need a name each.
    name = ENROLMENT_NAME if is_only_one else enrolment.enrolment_file_name(secret.room)
    return _file(_make_file(secret), name)


@blueprint.get("/rooms/cards.zip")
@requires(Right.ENROL_ROOMS)
def download_all() -> Response:
    """Hand out every file that waits, in one."""
    with central().store.read_session() as session:
        waiting = card_secrets.list_secrets(session, central().keys, central().now())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for secret in waiting:
            made = _make_file(secret)
            archive.writestr(enrolment.enrolment_file_name(secret.room, archive.namelist()), made)
    return _file(packed.getvalue(), "cards.zip")


@blueprint.post("/rooms/<int:room_id>/card/saved")
@requires(Right.ENROL_ROOMS)
def confirm(room_id: int) -> Redirect:
    """Forget the file of one card: it is saved."""
    return _forget(room_id)


@blueprint.post("/rooms/cards/saved")
@requires(Right.ENROL_ROOMS)
def confirm_all() -> Redirect:
    """Forget every file: they are saved."""
    return _forget(None)


def _forget(room_id: int | None) -> Redirect:
    with central().store.write_session() as session:
        card_secrets.forget_secrets(session, central().now(), room_id)
        left = card_secrets.list_secrets(session, central().keys, central().now())
    flash(gettext("It is not shown again."))
    return redirect(url_for("room_cards.show" if left else "rooms.show"))


def _make_file(secret: CardSecret) -> bytes:
    authority = enrolment.read_authority(central().store)
    return enrolment.make_enrolment_file(
        central().settings, room=secret.room, token=secret.token, authority=authority
    )


def _file(content: bytes, name: str) -> Response:
    made = Response(content, mimetype="application/octet-stream")
    made.headers.set("Content-Disposition", "attachment", filename=name)
    return made
