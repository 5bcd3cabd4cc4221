"""What the coordinator fills in for a webhook."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.central.webhooks import EVENTS, MAX_URL_LENGTH
from webui.central.form_helpers import select_choices


class WebhookForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new webhook."""

    url = StringField("Its address", [InputRequired(), Length(max=MAX_URL_LENGTH)])
    events = SelectMultipleField(
        "Tell it when",
        choices=select_choices(EVENTS),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    is_inside = BooleanField("This address is inside the school's own network, or on this machine")
