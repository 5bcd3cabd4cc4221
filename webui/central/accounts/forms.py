"""What the coordinator fills in for the feature accounts."""

from datetime import date, datetime, time

from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from appliance.rights import ROLES
from webui.central.form_helpers import check_day, select_choices


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Somebody who may sign in."""

    username = StringField("User name", [InputRequired(), Length(max=64)])
    name = StringField("Name", [InputRequired(), Length(max=200)])
    role = SelectField("Role", choices=select_choices({role: role for role in ROLES}))
    ends = DateField("Ends on (supply teachers)", [Optional(), check_day])


def end_of_day(day: date | None) -> datetime | None:
    """Return the last moment of a day, in this machine's zone; None for no day."""
    return datetime.combine(day, time.max).astimezone() if day else None
