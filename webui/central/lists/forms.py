"""What the coordinator fills in for the feature lists."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from blocklists.categories import CATEGORIES
from webui.central.form_helpers import select_choices

FORMATS = ("auto", "hosts", "domains", "dnsmasq", "adblock", "unbound", "rpz", "regex")


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
