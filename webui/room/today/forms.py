"""What a teacher asks for, and what they report."""

import secrets
from datetime import UTC, datetime, timedelta

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import DateTimeLocalField, HiddenField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError

from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_rule
from webui.room.form_fields import DURATIONS, TOO_LONG, SingleLine, parse_full_site, select_choices
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, lazy_gettext

MAX_ALSO = 20
WHEN = {
    "soon": lazy_gettext("as soon as somebody decides"),
    "now": lazy_gettext("urgent: the lesson is now"),
    "later": lazy_gettext("for a lesson to come"),
}
# What a teacher with a class in front of them taps instead of typing, and whether the lesson waits for it: that
# button says so.
QUICK_REASONS = {
    "lesson": (lazy_gettext("Needed in this lesson"), "now"),
    "research": (lazy_gettext("Pupils look something up"), "soon"),
    "prepare": (lazy_gettext("To prepare a lesson"), "soon"),
}
WHOM = {"room": lazy_gettext("the whole room"), "device": lazy_gettext("only the device that met the refusal")}
_WHICH_DEVICE = lazy_gettext("Please choose the device again.")
_WHAT_FOR = lazy_gettext("Please say in a few words what it is for.")


def _validate_opening(_form: FlaskForm, field: StringField) -> None:
    try:
        field.data = check_opening(field.data or "")
    except InvalidName as problem:
        raise ValidationError(f"{translate_reason(problem)}.") from None


def _validate_also(_form: FlaskForm, field: StringField) -> None:
    names = str(field.data or "").replace(",", " ").split()
    if len(names) > MAX_ALSO:
        raise ValidationError(gettext("At most %(count)s further names.", count=MAX_ALSO))
    try:
        field.data = " ".join(check_opening(name) for name in names)
    except InvalidName as problem:
        raise ValidationError(f"{translate_reason(problem)}.") from None


def validate_start(_form: FlaskForm, field: DateTimeLocalField) -> None:
    """Refuse an hour that the school's clock does not show. Raises ValidationError."""
    if field.data is None:
        return
    if not 2000 <= field.data.year < 2200:
        raise ValidationError(gettext("%(field)s: please look at the year.", field=field.label.text))
    try:
        school_clock().moment(field.data)
    except ValueError as problem:
        raise ValidationError(f"{field.label.text}: {translate_reason(problem)}.") from None


def _validate_blocking(_form: FlaskForm, field: StringField) -> None:
    try:
        field.data = parse_full_site(check_rule(field.data or "", "block"))
    except InvalidName as problem:
        raise ValidationError(f"{translate_reason(problem)}.") from None


def fill_in_quick_reason(sent: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return what was sent, with the reason that was tapped in place of one that was typed."""
    words, when = QUICK_REASONS.get(sent.get("quick", ""), ("", ""))
    if not words:
        return sent
    filled = MultiDict(sent)
    filled["reason"], filled["when"] = str(words), when
    return filled


class RequestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A wish to open a site. Its key is made with the page: one form is one request, however often it is sent."""

    key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[Regexp(r"[0-9a-f]{32}\Z", message=lazy_gettext("Please send it again."))],
    )
    site = StringField(
        lazy_gettext("Site"), [InputRequired(lazy_gettext("Which site?")), Length(max=2000), _validate_opening]
    )
    reason = StringField(
        lazy_gettext("What it is for"),
        [InputRequired(_WHAT_FOR), SingleLine(_WHAT_FOR), Length(max=500, message=TOO_LONG)],
    )
    minutes = SelectField(lazy_gettext("For how long"), choices=DURATIONS, coerce=int, default=60)
    start = DateTimeLocalField(
        lazy_gettext("The lesson begins"), [Optional(), validate_start], format="%Y-%m-%dT%H:%M"
    )
    when = RadioField(lazy_gettext("When"), choices=select_choices(WHEN), default="soon")
    device = HiddenField(default="", validators=[Optional(), Regexp(r"[0-9a-f]{12}\Z", message=_WHICH_DEVICE)])
    whom = RadioField(lazy_gettext("For"), choices=select_choices(WHOM), default="room")
    also = StringField(lazy_gettext("With it"), [Optional(), Length(max=2000), _validate_also])
    lesson = StringField(lazy_gettext("Lesson (if you like)"), [SingleLine(), Length(max=200, message=TOO_LONG)])

    @property
    def device_token(self) -> str:
        """The token of the one device that it is for; "": it is for the room."""
        return self.device.data or "" if self.whom.data == "device" else ""

    @property
    def since(self) -> datetime | None:
        """When the lesson begins that it is for; None: it is wanted soon, or now."""
        if self.when.data != "later":
            return None
        start: datetime | None = self.start.data
        return None if start is None else school_clock().moment(start)

    def validate_when(self, field: RadioField) -> None:
        """Refuse a lesson to come without its hour, or one that is over. Raises ValidationError."""
        if field.data != "later" or self.start.errors:
            return
        if self.start.data is None:
            raise ValidationError(gettext("When does the lesson begin?"))
        if self.since is not None and self.since + timedelta(minutes=self.minutes.data or 0) <= datetime.now(UTC):
            raise ValidationError(gettext("That lesson is over. If the site is needed now, choose that."))

    @property
    def also_names(self) -> tuple[str, ...]:
        """The further names that it is for."""
        return tuple(dict.fromkeys(str(self.also.data or "").split()))


class ReportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A teacher's "this should be closed"."""

    site = StringField(
        lazy_gettext("Site"), [InputRequired(lazy_gettext("Which site?")), Length(max=2000), _validate_blocking]
    )
    note = StringField(lazy_gettext("Why"), [SingleLine(), Length(max=500, message=TOO_LONG)])
