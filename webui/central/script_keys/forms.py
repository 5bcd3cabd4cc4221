"""What the coordinator fills in for a key."""

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import DateField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.central.script_keys import MAX_NAME_LENGTH
from appliance.rights import Right, script_rights_at
from webui.central.form_helpers import check_day, select_choices
from webui.shared.access import site_scope
from webui.shared.translation import lazy_gettext


class ScriptKeyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new key."""

    name = StringField(lazy_gettext("What the script is called"), [InputRequired(), Length(max=MAX_NAME_LENGTH)])
    rights = SelectMultipleField(
        lazy_gettext("What it may do"), widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )
    ends = DateField(lazy_gettext("Its last day"), [InputRequired(), check_day])


def make_form(rights: Iterable[Right]) -> ScriptKeyForm:
    """Return the form with what whoever asks can give to a script."""
    form = ScriptKeyForm()
    words = script_rights_at(site_scope())
    form.rights.choices = select_choices({right.name: lazy_gettext(words[right]) for right in rights})
    return form
