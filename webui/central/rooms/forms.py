"""What the coordinator fills in for the feature rooms."""

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired, Length


class RoomForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A room."""

    name = StringField("Name of the room", [InputRequired(), Length(max=100)])
