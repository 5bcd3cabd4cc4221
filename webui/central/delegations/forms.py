"""What the coordinator fills in for the feature delegations."""

from collections.abc import Iterable, Mapping

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from webui.central.form_helpers import select_choices


class DelegationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What teachers may open by themselves."""

    category = SelectField("Category")
    minutes = IntegerField("Minutes at most", [InputRequired(), NumberRange(1, 480)], default=60)
    per_day = IntegerField("Times a day (0: no limit)", [Optional(), NumberRange(0, 100)], default=5)
    groups = SelectMultipleField(
        "Only for these groups (none ticked: every group)",
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    confirmed = HiddenField(default="")


def make_form(categories: Mapping[str, str], groups: Iterable[str]) -> DelegationForm:
    """Return the form with what can be chosen now."""
    form = DelegationForm()
    form.category.choices = select_choices(categories)
    form.groups.choices = select_choices({name: name for name in groups})
    return form
