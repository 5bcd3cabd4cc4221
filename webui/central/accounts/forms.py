"""What the coordinator fills in for the feature accounts."""

from datetime import date, datetime, time

from flask_wtf import FlaskForm
from wtforms import DateField, PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, Optional

from appliance.central.accounts import MIN_PASSWORD_LENGTH
from appliance.rights import ROLE_WORDS
from webui.central.form_helpers import check_day, select_choices
from webui.shared.school_clock import school_clock


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Somebody who may sign in."""

    username = StringField("User name", [InputRequired(), Length(max=64)])
    name = StringField("Name", [InputRequired(), Length(max=200)])
    role = SelectField("Role", choices=select_choices(ROLE_WORDS))
    ends = DateField("Ends on (supply teachers)", [Optional(), check_day])


class OwnPasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new password, by whoever knows the one before."""

    password = PasswordField(
        "Password until now", [InputRequired(), Length(max=200)], render_kw={"autocomplete": "current-password"}
    )
    new = PasswordField(
        "New password",
        [InputRequired(), Length(min=MIN_PASSWORD_LENGTH, max=200)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        "The same again",
        [InputRequired(), EqualTo("new", "The new password was not the same twice.")],
        render_kw={"autocomplete": "new-password"},
    )


def end_of_day(day: date | None) -> datetime | None:
    """Return the last moment of a day, on the school's clock; None for no day."""
    return datetime.combine(day, time.max, school_clock().zone) if day else None
