"""What the coordinator fills in for the feature delegations."""

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from blocklists.categories import CATEGORIES
from webui.central.form_helpers import select_choices


class DelegationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What teachers may open by themselves."""

    category = SelectField("Category", choices=select_choices({one.id: one.name for one in CATEGORIES}))
    minutes = IntegerField("Minutes at most", [InputRequired(), NumberRange(1, 480)], default=60)
    per_day = IntegerField("Times a day (0: no limit)", [Optional(), NumberRange(0, 100)], default=5)
