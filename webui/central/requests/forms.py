"""What the coordinator fills in for the feature requests."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from appliance.central.request_expiry import MAX_REQUEST_DAYS
from appliance.central.unblocks import MAX_UNBLOCK_MINUTES
from webui.central.form_helpers import LOCAL_TIME, check_start, select_choices

SCOPES = {"device": "one device only", "room": "this room only", "school": "every room"}


class RequestDaysForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """How long a request waits."""

    days = IntegerField("School days", [InputRequired(), NumberRange(0, MAX_REQUEST_DAYS)])


class DecisionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Whether a site is opened, for how long, and where."""

    minutes = IntegerField("Minutes", [Optional(), NumberRange(1, MAX_UNBLOCK_MINUTES)])
    scope = SelectField("Where", choices=select_choices(SCOPES), default="room")
    start = DateTimeLocalField("From", [Optional(), check_start], format=LOCAL_TIME)
    also = StringField("Further names", [Optional(), Length(max=10_000)])
    group = SelectField("For", choices=select_choices({"": "everybody"}), default="", validate_choice=False)
    answer = StringField("Words for the teacher", [Optional(), Length(max=500)])
