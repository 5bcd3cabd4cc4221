"""What the forms of every feature of a room use."""

from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from appliance.control_characters import find_control_character, is_blank
from dns.errors import InvalidName
from dns.policy.site_names import parse_site
from webui.shared.durations import lazy_duration
from webui.shared.translation import LazyPattern, gettext, translatable

DURATIONS = [SelectChoice(str(minutes), lazy_duration(minutes)) for minutes in (10, 30, 60, 120)]
TOO_LONG = LazyPattern(translatable("That is too long: %(max)d characters at most."))


def select_choices(words: Mapping[str, str]) -> list[SelectChoice]:
    """Return what can be chosen: what is sent, and the words that a person reads."""
    return [SelectChoice(value, text) for value, text in words.items()]


def parse_full_site(written: str) -> str:
    """Return the name of a site that was typed, or pasted as an address. Raises InvalidName."""
    name = parse_site(written)
    if "." not in name:
        raise InvalidName(f"{name} is not a whole name: give the whole name of the site, such as www.example.org")
    return name


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
                gettext(
                    "%(field)s: there is a character in it (%(character)s) that no text may hold.",
                    field=field.label.text,
                    character=found,
                )
            )
        field.data = (field.data or "").strip()
        if self._blank and is_blank(field.data):
            raise ValidationError(self._blank)


def describe_errors(form: FlaskForm) -> str:
    """Return what is wrong with a form, in one sentence."""
    return " ".join(str(word) for words in form.errors.values() for word in words) or gettext("Nothing was sent.")
