"""What the coordinator fills in for the feature rules."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from webui.central.form_helpers import select_choices


class RuleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A name that is always closed or always open."""

    name = StringField("Name", [InputRequired(), Length(max=253)])
    action = SelectField("What", choices=select_choices({"block": "close it", "allow": "keep it open"}))
    note = StringField("Why", [Optional(), Length(max=200)])
    locked = BooleanField("Nobody can open it")
