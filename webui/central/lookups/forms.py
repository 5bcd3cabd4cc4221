"""A question to a room."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from appliance.central.lookups import MAX_REASON_LENGTH
from webui.central.form_helpers import check_start
from webui.shared.translation import lazy_gettext

_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class LookupForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which device, when, and why."""

    lookup_id = HiddenField("", [Length(max=32)])
    incident = HiddenField("", [Length(max=32)])  # which led to the question
    room = SelectField(lazy_gettext("Room"), [InputRequired()], coerce=int)
    device = StringField(lazy_gettext("Device"), [InputRequired(), Length(max=20)])
    since = DateTimeLocalField(lazy_gettext("From"), [InputRequired(), check_start], format=_FORMATS)
    until = DateTimeLocalField(lazy_gettext("Until"), [InputRequired(), check_start], format=_FORMATS)
    reason = StringField(lazy_gettext("Why"), [InputRequired(), Length(max=MAX_REASON_LENGTH)])
