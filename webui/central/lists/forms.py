"""What the coordinator fills in for the feature lists."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES, EVERY_CATEGORY
from blocklists.formats import DETECTED, format_names
from webui.central.form_helpers import select_choices
from webui.shared.translation import gettext, lazy_gettext

_MATCH_WORDS = {
    "": lazy_gettext("what its format says"),
    "subdomains": lazy_gettext("it and all below it"),
    "exact": lazy_gettext("just itself"),
    "below": lazy_gettext("only what is below it"),
}


_CATEGORY_WORDS = {one.id: lazy_gettext(one.name) for one in CATEGORIES} | {
    EVERY_CATEGORY: lazy_gettext("Every one (only for lists that open)")
}


# What a line of each format looks like.
_LINES = {
    "hosts": "0.0.0.0 example.org",
    "domains": "example.org",
    "squidguard": "example.org",
    "dnsmasq": "address=/example.org/",
    "unbound": 'local-zone: "example.org." always_nxdomain',
    "rpz": "example.org CNAME .",
    "adblock": "||example.org^",
    "wildcards": "*.example.org",
    "regex": r"^ad[0-9]+\.",
}


def describe_format(name: str) -> str:
    """Return the format of a list as somebody knows it who has one before them."""
    if name == DETECTED:
        return gettext("recognised by its first lines")
    return f"{name}: {_LINES[name]}" if name in _LINES else name


def _format_choices() -> list[SelectChoice]:
    return select_choices({name: describe_format(name) for name in format_names()})


USES = {
    "block": lazy_gettext("Closes what it names"),
    "allow": lazy_gettext("Opens what it names, where a list closes it"),
}
WIDE_WORDS = lazy_gettext(
    "It may close whole endings (such as github.io), and with them the sites of everybody there"
)


class SetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A ready-made set."""

    set = SelectField(
        lazy_gettext("Set"),
        choices=select_choices({one.id: lazy_gettext(one.name) for one in load_catalogue().sets}),
    )


class SourceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A public list."""

    name = StringField(lazy_gettext("Name"), [InputRequired(), Length(max=63)])
    category = SelectField(lazy_gettext("Category"), choices=select_choices(_CATEGORY_WORDS))
    location = StringField(lazy_gettext("Address (https)"), [Optional(), Length(max=2000)])
    file = FileField(lazy_gettext("or a file"))
    format = SelectField(lazy_gettext("Format"), choices=_format_choices)
    match = SelectField(
        lazy_gettext("A name alone means"),
        choices=select_choices(_MATCH_WORDS),
    )
    action = SelectField(lazy_gettext("What it does"), choices=select_choices(USES))
    allow_wide = BooleanField(WIDE_WORDS)


class UseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """How a list is used that is there already."""

    action = SelectField(lazy_gettext("What it does"), choices=select_choices(USES))
    allow_wide = BooleanField(WIDE_WORDS)


class ListFileForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A new file for a list that was handed in; or the one that was looked at."""

    file = FileField(lazy_gettext("The new file"))
    stored = HiddenField()
    before = HiddenField()
