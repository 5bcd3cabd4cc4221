"""What the coordinator fills in for the feature lists."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES
from blocklists.formats import format_names
from webui.central.form_helpers import select_choices

_MATCH_WORDS = {
    "": "what its format says",
    "subdomains": "it and all below it",
    "exact": "just itself",
    "below": "only what is below it",
}


def _format_choices() -> list[SelectChoice]:
    return select_choices({name: name for name in format_names()})


class SetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A ready-made set."""

    set = SelectField("Set", choices=select_choices({one.id: one.name for one in load_catalogue().sets}))


class SourceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A public list."""

    name = StringField("Name", [InputRequired(), Length(max=63)])
    category = SelectField("Category", choices=select_choices({one.id: one.name for one in CATEGORIES}))
    location = StringField("Address (https)", [Optional(), Length(max=2000)])
    file = FileField("or a file")
    format = SelectField("Format", choices=_format_choices)
    match = SelectField(
        "A name alone means",
        choices=select_choices(_MATCH_WORDS),
    )
