"""What becomes of an incident."""

from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional

from appliance.central.incidents.kinds import AUTHORITY_WORDS, STATES
from appliance.central.incidents.states import MAX_NAME_LENGTH, MAX_NOTE_LENGTH, StateChange
from webui.central.form_helpers import check_day, select_choices
from webui.shared.translation import lazy_gettext

_AUTHORITIES = {"": "", **{one: lazy_gettext(words) for one, words in AUTHORITY_WORDS.items()}}


class StateForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Another state, and what belongs to it."""

    state = HiddenField(lazy_gettext("State"), [InputRequired(), AnyOf(STATES)])
    version = IntegerField(lazy_gettext("Version"), [Optional(), NumberRange(min=0, max=2**31 - 1)])
    assigned_to = StringField(lazy_gettext("With whom"), [Length(max=MAX_NAME_LENGTH)])
    referred_to = SelectField(lazy_gettext("Passed to"), [Optional()], choices=select_choices(_AUTHORITIES))
    referred_on = DateField(lazy_gettext("On"), [Optional(), check_day])
    outcome = TextAreaField(lazy_gettext("Closed because"), [Length(max=MAX_NOTE_LENGTH)])

    def to_change(self) -> StateChange:
        """Return what was chosen."""
        return StateChange(
            state=self.state.data,
            assigned_to=self.assigned_to.data or "",
            referred_to=self.referred_to.data or "",
            referred_on=self.referred_on.data,
            outcome=self.outcome.data or "",
        )
