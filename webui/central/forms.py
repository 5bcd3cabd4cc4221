"""What the coordinator can fill in."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import TypeVar, get_args

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from appliance.central.errors import CentralError
from appliance.central.unblocks import MAX_UNBLOCK_MINUTES
from appliance.protocol import Role
from blocklists.categories import CATEGORIES

F = TypeVar("F", bound=FlaskForm)

SCOPES = {"room": "this room only", "school": "every room"}
FORMATS = ("auto", "hosts", "domains", "dnsmasq", "adblock", "unbound", "rpz", "regex")


def select_choices(words: Mapping[str, str]) -> list[SelectChoice]:
    """Return what can be chosen: what is sent, and the words that a person reads."""
    return [SelectChoice(value, text) for value, text in words.items()]


class DecisionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Whether a site is opened, for how long, and where."""

    minutes = IntegerField("Minutes", [Optional(), NumberRange(1, MAX_UNBLOCK_MINUTES)])
    scope = SelectField("Where", choices=select_choices(SCOPES), default="room")
    group = SelectField("For", choices=select_choices({"": "everybody"}), default="", validate_choice=False)
    answer = StringField("Words for the teacher", [Optional(), Length(max=500)])


class RuleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A name that is always closed or always open."""

    name = StringField("Name", [InputRequired(), Length(max=253)])
    action = SelectField("What", choices=select_choices({"block": "close it", "allow": "keep it open"}))
    note = StringField("Why", [Optional(), Length(max=200)])
    locked = BooleanField("Nobody can open it")


class DelegationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """What teachers may open by themselves."""

    category = SelectField("Category", choices=select_choices({one.id: one.name for one in CATEGORIES}))
    minutes = IntegerField("Minutes at most", [InputRequired(), NumberRange(1, 480)], default=60)
    per_day = IntegerField("Times a day (0: no limit)", [Optional(), NumberRange(0, 100)], default=5)


class SourceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A public list."""

    name = StringField("Name", [InputRequired(), Length(max=63)])
    category = SelectField("Category", choices=select_choices({one.id: one.name for one in CATEGORIES}))
    location = StringField("Address (https)", [Optional(), Length(max=2000)])
    file = FileField("or a file")
    format = SelectField("Format", choices=select_choices(dict(zip(FORMATS, FORMATS, strict=True))))
    match = SelectField(
        "A bare name means",
        choices=select_choices(
            {"": "what its format says", "subdomains": "it and its subdomains", "exact": "just itself"}
        ),
    )


class RoomForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A room."""

    name = StringField("Name of the room", [InputRequired(), Length(max=100)])


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Somebody who may sign in."""

    username = StringField("User name", [InputRequired(), Length(max=64)])
    name = StringField("Name", [InputRequired(), Length(max=200)])
    role = SelectField("Role", choices=select_choices({role: role for role in get_args(Role)}))
    ends = DateField("Ends on (supply teachers)", [Optional()])


def require_valid(form: F) -> F:
    """Return a form that was filled in rightly. Raises CentralError with every mistake."""
    if form.validate_on_submit():
        return form
    labels = {name: field.label.text for name, field in form._fields.items()}
    mistakes = [f"{labels.get(name, name)}: {' '.join(words)}" for name, words in form.errors.items()]
    raise CentralError("; ".join(mistakes).rstrip(".") or "nothing was sent")


def end_of_day(day: date | None) -> datetime | None:
    """Return the last moment of a day, in this machine's zone; None for no day."""
    return datetime.combine(day, time.max).astimezone() if day else None
