"""What is filled in for the feature accounts."""

from datetime import date, datetime, time

from flask_wtf import FlaskForm
from wtforms import DateField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.central.accounts import MIN_PASSWORD_LENGTH
from appliance.rights import ROLE_WORDS, SCHOOL_ROLES
from webui.central.form_helpers import check_day, select_choices
from webui.shared.school_clock import school_clock
from webui.shared.translation import lazy_gettext


class CheckboxesField(SelectMultipleField):  # type: ignore[misc]  # WTForms has no types
    """Several of a few, each with a box of its own."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Somebody who may sign in."""

    username = StringField(lazy_gettext("User name (may stay empty)"), [Optional(), Length(max=64)])
    name = StringField(lazy_gettext("Name"), [InputRequired(), Length(max=200)])
    roles = CheckboxesField(
        lazy_gettext("What they do here"),
        choices=select_choices({role: lazy_gettext(ROLE_WORDS[role]) for role in SCHOOL_ROLES}),
    )
    ends = DateField(lazy_gettext("Last day (supply teachers need one)"), [Optional(), check_day])
    rooms = CheckboxesField(lazy_gettext("Only in these rooms (none ticked: every room)"), choices=[], coerce=int)


class ReturnForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Until when an account that had ended is used again."""

    ends = DateField(lazy_gettext("Last day (supply teachers need one)"), [Optional(), check_day])


class OwnEmailForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Where one's own notices go."""

    email = StringField(lazy_gettext("Your e-mail address"), [Optional(), Length(max=254)])


class NewPasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A password, by whoever was given a link."""

    new = PasswordField(
        lazy_gettext("New password"),
        [InputRequired(), Length(min=MIN_PASSWORD_LENGTH, max=200)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        lazy_gettext("The same again"),
        [InputRequired(), EqualTo("new", lazy_gettext("The new password was not the same twice."))],
        render_kw={"autocomplete": "new-password"},
    )


class OwnPasswordForm(NewPasswordForm):
    """A new password, by whoever knows the one before."""

    password = PasswordField(
        lazy_gettext("Password until now"),
        [InputRequired(), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )


def start_of_day(day: date | None) -> datetime | None:
    """Return the first moment of a day, on the school's clock; None for no day."""
    return datetime.combine(day, time.min, school_clock().zone) if day else None


def end_of_day(day: date | None) -> datetime | None:
    """Return the last moment of a day, on the school's clock; None for no day."""
    return datetime.combine(day, time.max, school_clock().zone) if day else None
