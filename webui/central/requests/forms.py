"""What the coordinator fills in for the feature requests."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateTimeLocalField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from appliance.central.request_expiry import MAX_REQUEST_DAYS
from appliance.central.unblocks import MAX_UNBLOCK_MINUTES
from webui.central.form_helpers import LOCAL_TIME, check_start, select_choices
from webui.shared.request_answers import DENY_REASONS, NO_REASON
from webui.shared.translation import lazy_gettext

SCOPES = {
    "device": lazy_gettext("one device only"),
    "room": lazy_gettext("this room only"),
    "school": lazy_gettext("every room"),
}


class RequestDaysForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """How long a request waits."""

    days = IntegerField(lazy_gettext("School days"), [InputRequired(), NumberRange(0, MAX_REQUEST_DAYS)])


class DecisionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Whether a site is opened: for how long, from when, where, for whom and with which further names."""

    minutes = IntegerField(lazy_gettext("Minutes"), [Optional(), NumberRange(1, MAX_UNBLOCK_MINUTES)])
    scope = SelectField(lazy_gettext("Where"), choices=select_choices(SCOPES), default="room")
    start = DateTimeLocalField(lazy_gettext("From"), [Optional(), check_start], format=LOCAL_TIME)
    also = SelectMultipleField(lazy_gettext("With it"), validate_choice=False)
    more = StringField(lazy_gettext("Further names"), [Optional(), Length(max=5000)])
    group = SelectField(
        lazy_gettext("For"),
        choices=select_choices({"": lazy_gettext("everybody")}),
        default="",
        validate_choice=False,
    )
    reason = SelectField(
        lazy_gettext("Why not"),
        choices=select_choices({"": "", **{one: lazy_gettext(one) for one in DENY_REASONS}}),
        default="",
    )
    answer = StringField(lazy_gettext("Words for the teacher"), [Optional(), Length(max=500)])

    @property
    def further_names(self) -> tuple[str, ...]:
        """The names that are opened with the site."""
        typed = str(self.more.data or "").replace(",", " ").split()
        return tuple(dict.fromkeys((*(self.also.data or ()), *typed)))

    @property
    def denial(self) -> str:
        """The words that a denial comes with."""
        words = " ".join(one for one in (self.reason.data, self.answer.data) if one)
        return words or NO_REASON


class NoticesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which notices somebody gets by e-mail."""

    email = StringField(lazy_gettext("Your e-mail address"), [Optional(), Length(max=254)])
    on_request = BooleanField(lazy_gettext("An e-mail for each new request"))
    digest = SelectField(
        lazy_gettext("An e-mail that says how much waits"),
        choices=select_choices(
            {
                "off": lazy_gettext("never"),
                "daily": lazy_gettext("each school morning, where something waits"),
                "weekly": lazy_gettext("on Monday mornings"),
            }
        ),
        default="off",
    )


class PassOnForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Who else is to decide."""

    to = StringField(lazy_gettext("To"), [InputRequired(lazy_gettext("To whom?")), Length(max=64)])
    note = StringField(lazy_gettext("Note"), [Optional(), Length(max=500)])
