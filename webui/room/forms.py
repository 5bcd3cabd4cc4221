"""What a teacher can fill in."""

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from appliance.protocol import find_control_character
from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_rule, parse_site

DURATIONS = [
    SelectChoice(str(minutes), words)
    for minutes, words in ((10, "10 minutes"), (30, "30 minutes"), (60, "one hour"), (120, "two hours"))
]
_WHAT_FOR = "Please say in a few words what it is for."
_LONG = "That is too long: %(max)d characters at most."


def parse_full_site(written: str) -> str:
    """Return the name of a site that was typed, or pasted as an address. Raises InvalidName."""
    name = parse_site(written)
    if "." not in name:
        raise InvalidName(f"{name} is not a whole name: give the whole name of the site, such as www.example.org")
    return name


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


class SingleLine:
    """A text as it may travel and be kept: without blanks around it, and without control characters."""

    def __init__(self, blank: str = "") -> None:
        """Where `blank` says something, the text may not be blank."""
        self._blank = blank

    def __call__(self, _form: FlaskForm, field: StringField) -> None:
        """Check a field, and take the blanks around its text away. Raises ValidationError."""
        found = find_control_character(field.data or "")
        if found:
            raise ValidationError(
                f"{field.label.text}: there is a character in it ({found}) that no text may hold."
            )
        field.data = (field.data or "").strip()
        if self._blank and not field.data:
            raise ValidationError(self._blank)


class RequestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A wish to open a site."""

    site = StringField("Site", [InputRequired("Which site?"), Length(max=2000), _validate_opening])
    reason = StringField(
        "What it is for", [InputRequired(_WHAT_FOR), SingleLine(_WHAT_FOR), Length(max=500, message=_LONG)]
    )
    minutes = SelectField("For how long", choices=DURATIONS, coerce=int, default=60)
    lesson = StringField("Lesson (if you like)", [SingleLine(), Length(max=200, message=_LONG)])


class LessonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A lesson: only these sites."""

    sites = TextAreaField("Only these sites, one a line", [InputRequired("Which sites?"), Length(max=5000)])
    minutes = SelectField("For how long", choices=DURATIONS, coerce=int, default=60)
    title = StringField("Lesson (if you like)", [SingleLine(), Length(max=200, message=_LONG)])


class PauseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A pause: nothing but the appliance."""

    minutes = SelectField("For how long", choices=DURATIONS, coerce=int, default=10)


class CheckForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Planned links, to be checked before the lesson."""

    links = TextAreaField("Addresses, one a line", [InputRequired("Which addresses?"), Length(max=5000)])


class ReportForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A teacher's "this should be closed"."""

    site = StringField("Site", [InputRequired("Which site?"), Length(max=2000), _validate_blocking])
    note = StringField("Why", [SingleLine(), Length(max=500, message=_LONG)])


def split_lines(written: str) -> list[str]:
    """Return what stands in each line, without the empty ones."""
    return [line.strip() for line in written.splitlines() if line.strip()]


def parse_sites(written: str) -> tuple[str, ...]:
    """Return the sites of a lesson, named in several lines. Raises InvalidName for the first that is none."""
    return tuple(dict.fromkeys(check_opening(line) for line in split_lines(written)))


def describe_errors(form: FlaskForm) -> str:
    """Return what is wrong with a form, in one sentence."""
    return " ".join(word for words in form.errors.values() for word in words) or "Nothing was sent."
