"""What is filled in for the feature rooms."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from webui.shared.translation import lazy_gettext

MAX_ROOMS_AT_ONCE = 200


class EnrolForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """One room, or several, a name a line."""

    names = TextAreaField(lazy_gettext("Names of the rooms, one in a line"), [InputRequired(), Length(max=10_000)])
    replace = HiddenField()  # set by the page that asked


class RenameForm(FlaskForm):  # type: ignore[misc]  # as above
    """What a room is called."""

    name = StringField(lazy_gettext("Name of the room"), [InputRequired(), Length(max=100)])
    instead_of = HiddenField(validators=[Length(max=100)])  # the name that was looked at
