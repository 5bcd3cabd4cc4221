"""What is filled in about a school."""

from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from appliance.trust.schools import INVITATION_DAYS
from webui.shared.translation import lazy_gettext

MAX_DAYS = 90


class SchoolForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A school that is registered."""

    name = StringField(lazy_gettext("Name of the school"), [InputRequired(), Length(max=200)])
    timezone = StringField(lazy_gettext("Time zone"), [InputRequired(), Length(max=64)], default="Europe/London")


class SchoolNameForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Another name."""

    name = StringField(lazy_gettext("Name of the school"), [InputRequired(), Length(max=200)])


class InvitationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """For how long an invitation is good."""

    days = IntegerField(
        lazy_gettext("Days for which it works"),
        [InputRequired(), NumberRange(1, MAX_DAYS)],
        default=INVITATION_DAYS,
    )


def list_zones() -> list[str]:
    """Return what is suggested for a time zone."""
    return sorted(one for one in available_timezones() if one.startswith(("Europe/", "Atlantic/")))
