"""What is filled in for the feature second factor."""

from flask_wtf import FlaskForm
from wtforms import DateField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, Optional

from appliance.central.second_factor_rule import roles_to_ask
from appliance.rights import ROLE_WORDS, Scope
from webui.central.accounts.forms import CheckboxesField
from webui.central.form_helpers import check_day, select_choices
from webui.shared.auth import MAX_CODE_LENGTH
from webui.shared.translation import lazy_gettext

_CODE = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "value": ""}


class OwnCodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A code of one's own."""

    code = StringField(lazy_gettext("Code"), [InputRequired(), Length(max=MAX_CODE_LENGTH)], render_kw=_CODE)


class PasswordAndCodeForm(OwnCodeForm):
    """One's own password, and a code."""

    password = PasswordField(
        lazy_gettext("Your password"), [Length(max=200)], render_kw={"autocomplete": "current-password"}
    )


class SecondFactorRuleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Of whom the school asks a second step."""

    roles = CheckboxesField(
        lazy_gettext("Who needs one"),
        choices=select_choices({role: lazy_gettext(ROLE_WORDS[role]) for role in roles_to_ask(Scope.SCHOOL)}),
    )
    since = DateField(lazy_gettext("From this day on"), [Optional(), check_day])
