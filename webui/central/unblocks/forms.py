"""What the coordinator fills in about openings."""

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from appliance.central.unblocks import MAX_UNBLOCK_MINUTES
from webui.central.form_helpers import LOCAL_TIME, check_start
from webui.shared.translation import lazy_gettext


class ChangeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Another time for an opening."""

    start = DateTimeLocalField(lazy_gettext("From"), [Optional(), check_start], format=LOCAL_TIME)
    end = DateTimeLocalField(
        lazy_gettext("Until"), [InputRequired(lazy_gettext("Until when?")), check_start], format=LOCAL_TIME
    )


class OpenSiteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A site that nobody asked for."""

    site = StringField(lazy_gettext("Site"), [InputRequired(lazy_gettext("Which site?")), Length(max=2000)])
    minutes = IntegerField(
        lazy_gettext("Minutes"), [InputRequired(), NumberRange(1, MAX_UNBLOCK_MINUTES)], default=60
    )
    start = DateTimeLocalField(lazy_gettext("From"), [Optional(), check_start], format=LOCAL_TIME)
    room = StringField(lazy_gettext("Room"), [Optional(), Length(max=100)])
    group = StringField(lazy_gettext("For"), [Optional(), Length(max=64)])
    device = StringField(lazy_gettext("One device"), [Optional(), Length(max=64)])
