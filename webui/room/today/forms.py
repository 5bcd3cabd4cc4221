"""What a teacher asks for, and what they report."""

import secrets

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_rule
from webui.room.form_fields import DURATIONS, TOO_LONG, SingleLine, parse_full_site

_WHAT_FOR = "Please say in a few words what it is for."


def _validate_opening(_form: FlaskForm, field: StringField) -> None:
    try:
        field.data = check_opening(field.data or "")
    except InvalidName as problem:
        raise ValidationError(f"{problem}.") from None


def _validate_blocking(_form: FlaskForm, field: StringField) -> None:
    try:
        field.data = parse_full_site(check_rule(field.data or "", "block"))
    except InvalidName as problem:
        raise ValidationError(f"{problem}.") from None


class RequestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A wish to open a site. Its key is made with the page: one form is one request, however often it is sent."""

    key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[Regexp(r"[0-9a-f]{32}\Z", message="Please send it again.")],
    )
    site = StringField("Site", [InputRequired("Which site?"), Length(max=2000), _validate_opening])
    reason = StringField(
        "What it is for", [InputRequired(_WHAT_FOR), SingleLine(_WHAT_FOR), Length(max=500, message=TOO_LONG)]
    )
    minutes = SelectField("For how long", choices=DURATIONS, coerce=int, default=60)
    lesson = StringField("Lesson (if you like)", [SingleLine(), Length(max=200, message=TOO_LONG)])


class ReportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A teacher's "this should be closed"."""

    site = StringField("Site", [InputRequired("Which site?"), Length(max=2000), _validate_blocking])
    note = StringField("Why", [SingleLine(), Length(max=500, message=TOO_LONG)])
