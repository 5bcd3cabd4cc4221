"""What is filled in for something to be laid down: a form for each kind."""

from typing import Any

from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional

from appliance.trust import schools
from blocklists.catalogue import load_catalogue
from blocklists.categories import CATEGORIES
from webui.central.form_helpers import select_choices
from webui.shared.translation import lazy_gettext, translatable

_CATEGORIES = {one.id: lazy_gettext(one.name) for one in CATEGORIES}


class _EntryForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """For which schools something is."""

    schools = SelectMultipleField(lazy_gettext("For these schools only (none chosen: for all)"))

    def content(self) -> dict[str, Any]:
        """Return what is laid down, as `appliance.trust.entries` takes it."""
        return {
            name: field.data or "" for name, field in self._fields.items() if name not in ("schools", "csrf_token")
        }


class _EntryFormWithNote(_EntryForm):
    note = StringField(lazy_gettext("Why (may stay empty)"), [Optional(), Length(max=200)])


class CategoryEntryForm(_EntryForm):
    """A category that is locked."""

    category = SelectField(lazy_gettext("Category"), choices=select_choices(_CATEGORIES))


class NameEntryForm(_EntryFormWithNote):
    """A name that is locked, or kept open."""

    name = StringField(lazy_gettext("Site"), [InputRequired(), Length(max=253)])


class RuleEntryForm(_EntryFormWithNote):
    """A rule that is shared."""

    name = StringField(lazy_gettext("Site"), [InputRequired(), Length(max=253)])
    action = SelectField(
        lazy_gettext("What the rule does"),
        choices=select_choices(
            {"block": lazy_gettext("closes the site"), "allow": lazy_gettext("opens the site")}
        ),
    )


class SourceEntryForm(_EntryForm):
    """A list that is shared."""

    name = StringField(
        lazy_gettext("What the list is called (small letters, digits)"), [InputRequired(), Length(max=60)]
    )
    category = SelectField(lazy_gettext("Category"), choices=select_choices(_CATEGORIES))
    location = StringField(lazy_gettext("Its address (https://…)"), [InputRequired(), Length(max=1000)])


class SetEntryForm(_EntryForm):
    """A ready-made set that is shared."""

    set_id = SelectField(
        lazy_gettext("Ready-made set"),
        choices=select_choices({one.id: lazy_gettext(one.name) for one in load_catalogue().sets}),
    )


# What can be laid down on the page: its form, and its words.
FORMS: dict[str, tuple[type[_EntryForm], str]] = {
    "category": (CategoryEntryForm, translatable("Lock a category")),
    "name": (NameEntryForm, translatable("Lock a site")),
    "open": (NameEntryForm, translatable("Keep a site open")),
    "rule": (RuleEntryForm, translatable("Share a rule")),
    "source": (SourceEntryForm, translatable("Share a list")),
    "set": (SetEntryForm, translatable("Share a ready-made set")),
}


def make_form(session: Session, kind: str) -> _EntryForm:
    """Return the form of a kind, with the schools that can be chosen."""
    form = FORMS[kind][0]()
    form.schools.choices = select_choices(
        {one.id: one.name for one in schools.list_schools(session) if one.state not in schools.ENDED_WORDS}
    )
    return form
