"""What the coordinator fills in for a webhook."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.central.webhooks import EVENTS, MAX_URL_LENGTH
from webui.central.form_helpers import select_choices
from webui.shared.translation import lazy_gettext


class WebhookForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new webhook."""

    url = StringField(lazy_gettext("Its address"), [InputRequired(), Length(max=MAX_URL_LENGTH)])
    events = SelectMultipleField(
        lazy_gettext("Tell it when"),
        choices=select_choices({one: lazy_gettext(words) for one, words in EVENTS.items()}),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    is_inside = BooleanField(lazy_gettext("This address is inside the school's own network, or on this machine"))
