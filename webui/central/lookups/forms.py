"""A question to a room."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from appliance.central.lookups import MAX_REASON_LENGTH
from webui.central.form_helpers import check_day

_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class LookupForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which device, when, and why."""

    lookup_id = HiddenField("", [Length(max=32)])
    room = SelectField("Room", [InputRequired()], coerce=int)
    device = StringField("Device", [InputRequired(), Length(max=20)])
    since = DateTimeLocalField("From", [InputRequired(), check_day], format=_FORMATS)
    until = DateTimeLocalField("Until", [InputRequired(), check_day], format=_FORMATS)
    reason = StringField("Why", [InputRequired(), Length(max=MAX_REASON_LENGTH)])
