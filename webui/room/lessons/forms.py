"""What a teacher fills in for a lesson, a pause, and links to check."""

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from dns.policy.site_names import check_opening
from webui.room.form_fields import DURATIONS, TOO_LONG, SingleLine
from webui.shared.translation import lazy_gettext

MORE_MINUTES = 10  # of an extension


class LessonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A lesson: only these sites."""

    sites = TextAreaField(
        lazy_gettext("Only these sites, one a line"),
        [InputRequired(lazy_gettext("Which sites?")), Length(max=5000)],
    )
    minutes = SelectField(lazy_gettext("For how long"), choices=DURATIONS, coerce=int, default=60)
    title = StringField(lazy_gettext("Lesson (if you like)"), [SingleLine(), Length(max=200, message=TOO_LONG)])


class PauseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A pause: nothing but the appliance."""

    minutes = SelectField(lazy_gettext("For how long"), choices=DURATIONS, coerce=int, default=10)


class CheckForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Planned links, to be checked before the lesson."""

    links = TextAreaField(
        lazy_gettext("Addresses, one a line"), [InputRequired(lazy_gettext("Which addresses?")), Length(max=5000)]
    )


def split_lines(written: str) -> list[str]:
    """Return what stands in each line, without the empty ones."""
    return [line.strip() for line in written.splitlines() if line.strip()]


def parse_sites(written: str) -> tuple[str, ...]:
    """Return the sites of a lesson, named in several lines. Raises InvalidName for the first that is none."""
    return tuple(dict.fromkeys(check_opening(line) for line in split_lines(written)))
