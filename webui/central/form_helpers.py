"""What the forms of every feature use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import DateField, DateTimeLocalField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from appliance.central.errors import CentralError
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

LOCAL_TIME = "%Y-%m-%dT%H:%M"  # as a browser sends the time of a clock

F = TypeVar("F", bound=FlaskForm)


def select_choices(words: Mapping[Any, str]) -> list[SelectChoice]:
    """Return what can be chosen: what is sent, and the words that a person reads."""
    return [SelectChoice(value, text) for value, text in words.items()]


def check_day(_form: FlaskForm, field: DateField) -> None:
    """Refuse a day at the ends of the calendar, which is no day any more in another zone."""
    if field.data is not None and not 2000 <= field.data.year < 2200:
        raise ValidationError(gettext("a day between 2000 and 2200"))


def check_start(_form: FlaskForm, field: DateTimeLocalField) -> None:
    """Refuse an hour that the school's clock does not show. Raises ValidationError."""
    if field.data is None:
        return
    check_day(_form, field)
    try:
        school_clock().moment(field.data)
    except ValueError as problem:
        raise ValidationError(translate_reason(problem)) from None


def school_moment(field: DateTimeLocalField) -> datetime | None:
    """Return the moment that a field with a time of the school's clock names; None: nothing was filled in."""
    return None if field.data is None else school_clock().moment(field.data)


def require_valid(form: F) -> F:
    """Return a form that was filled in rightly. Raises CentralError with every mistake."""
    try:
        if form.validate_on_submit():
            return form
    except OverflowError:  # WTForms compares numbers as floats, and some are larger than any
        raise CentralError("a number in it is too large") from None
    labels = {name: field.label.text for name, field in form._fields.items()}
    mistakes = [f"{labels.get(name, name)}: {' '.join(map(str, words))}" for name, words in form.errors.items()]
    raise CentralError("; ".join(mistakes).rstrip(".") or "nothing was sent")
