"""What the coordinator fills in for the feature rules."""

from collections.abc import Iterable, Mapping

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.central.rules import RuleFields
from webui.central.form_helpers import select_choices
from webui.shared.translation import gettext, lazy_gettext


class RuleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A name that is always closed or always open."""

    name = StringField(lazy_gettext("Name"), [InputRequired(), Length(max=253)])
    action = SelectField(
        lazy_gettext("What"),
        choices=select_choices({"block": lazy_gettext("close it"), "allow": lazy_gettext("keep it open")}),
    )
    note = StringField(lazy_gettext("Why"), [Optional(), Length(max=200)])
    locked = BooleanField(lazy_gettext("Nobody can open it"))
    exact = BooleanField(lazy_gettext("This address alone, and none below it"))
    no_safe_search = BooleanField(lazy_gettext("Without safe search, where it is opened"))
    category = SelectField(lazy_gettext("Counted as"), default="")
    groups = SelectMultipleField(
        lazy_gettext("Only for these groups (none ticked: every group)"),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )


def make_form(categories: Mapping[str, str], groups: Iterable[str]) -> RuleForm:
    """Return the form with what can be chosen now."""
    form = RuleForm()
    form.category.choices = select_choices({"": gettext("no category"), **categories})
    form.groups.choices = select_choices({name: name for name in groups})
    return form


def sent_fields(form: RuleForm) -> RuleFields:
    """Return the rule that a valid form holds."""
    return RuleFields(
        name=form.name.data,
        action=form.action.data,
        note=form.note.data or "",
        locked=form.locked.data,
        subdomains=not form.exact.data,
        groups=tuple(form.groups.data or ()),
        category=form.category.data or "",
        safe_search=not form.no_safe_search.data,
    )
