"""What is filled in at the first start."""

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from blocklists.catalogue import load_catalogue
from webui.central.form_helpers import select_choices
from webui.shared.translation import lazy_gettext


class InviteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Somebody who gets a role."""

    name = StringField(lazy_gettext("Name"), [InputRequired(), Length(max=200)])
    username = StringField(lazy_gettext("User name (may stay empty)"), [Optional(), Length(max=48)])


class ListsForm(FlaskForm):  # type: ignore[misc]  # as above
    """A ready-made set."""

    set = SelectField(
        lazy_gettext("Set"),
        choices=select_choices({one.id: lazy_gettext(one.name) for one in load_catalogue().sets}),
    )


class RoomForm(FlaskForm):  # type: ignore[misc]  # as above
    """The first room."""

    name = StringField(lazy_gettext("Name of the room"), [InputRequired(), Length(max=100)])
