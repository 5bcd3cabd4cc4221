"""What the features of a room's site share: each makes its blueprint here."""

from flask import Blueprint, current_app, flash, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from webui.room.room_client import RoomClient


def create_feature_blueprint(name: str, import_name: str) -> Blueprint:
    """Return the blueprint of a feature."""
    return Blueprint(name, import_name, template_folder="templates")


def room() -> RoomClient:
    """Return the room that this application serves."""
    one: RoomClient = current_app.extensions["room"]
    return one


def redirect_with_message(words: str, kind: str = "message") -> Redirect:
    """Say something on the page that the form stood on."""
    flash(words, kind)
    return redirect_back()


def redirect_back() -> Redirect:
    """Go back to the page that the form stood on."""
    return redirect(url_for("today.show" if request.form.get("from") == "today" else "lessons.show"))
