"""What the coordinator fills in for the feature delegations."""

from collections.abc import Iterable, Mapping

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from webui.central.form_helpers import select_choices
from webui.shared.translation import lazy_gettext, translate


class DelegationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What teachers may open by themselves."""

    category = SelectField(lazy_gettext("Category"))
    minutes = IntegerField(lazy_gettext("Minutes at most"), [InputRequired(), NumberRange(1, 480)], default=60)
    per_day = IntegerField(lazy_gettext("Times a day (0: no limit)"), [Optional(), NumberRange(0, 100)], default=5)
    groups = SelectMultipleField(
        lazy_gettext("Only for these groups (none ticked: every group)"),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    confirmed = HiddenField(default="")


def make_form(categories: Mapping[str, str], groups: Iterable[str]) -> DelegationForm:
    """Return the form with what can be chosen now."""
    form = DelegationForm()
    form.category.choices = select_choices({one: translate(words) for one, words in categories.items()})
    form.groups.choices = select_choices({name: name for name in groups})
    return form
