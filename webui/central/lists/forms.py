"""What the coordinator fills in for the feature lists."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES
from blocklists.formats import format_names
from blocklists.sources import EVERY_CATEGORY
from webui.central.form_helpers import select_choices

_MATCH_WORDS = {
    "": "what its format says",
    "subdomains": "it and all below it",
    "exact": "just itself",
    "below": "only what is below it",
}


_CATEGORY_WORDS = {one.id: one.name for one in CATEGORIES} | {
    EVERY_CATEGORY: "Every one (only for lists that open)"
}


def _format_choices() -> list[SelectChoice]:
    return select_choices({name: name for name in format_names()})


USES = {"block": "Closes what it names", "allow": "Opens what it names, where a list closes it"}
WIDE_WORDS = "It may close whole endings (such as github.io), and with them the sites of everybody there"


class SetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A ready-made set."""

    set = SelectField("Set", choices=select_choices({one.id: one.name for one in load_catalogue().sets}))


class SourceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A public list."""

    name = StringField("Name", [InputRequired(), Length(max=63)])
    category = SelectField("Category", choices=select_choices(_CATEGORY_WORDS))
    location = StringField("Address (https)", [Optional(), Length(max=2000)])
    file = FileField("or a file")
    format = SelectField("Format", choices=_format_choices)
    match = SelectField(
        "A name alone means",
        choices=select_choices(_MATCH_WORDS),
    )
    action = SelectField("What it does", choices=select_choices(USES))
    allow_wide = BooleanField(WIDE_WORDS)


class UseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """How a list is used that is there already."""

    action = SelectField("What it does", choices=select_choices(USES))
    allow_wide = BooleanField(WIDE_WORDS)
