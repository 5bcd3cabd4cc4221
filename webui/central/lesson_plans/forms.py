"""What is filled in for a lesson plan of the school's."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange

from dns.policy.setting_limits import MAX_PLAN_LINK, MAX_PLAN_LINKS, MAX_PLAN_MINUTES, MAX_PLAN_TITLE
from webui.shared.translation import lazy_gettext

_MAX_TEXT = MAX_PLAN_LINKS * (MAX_PLAN_LINK + 2)


class SchoolPlanForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A title, links and a time."""

    plan = HiddenField("", [Length(max=32)])  # its id; "" for a new one
    revision = HiddenField("", [Length(max=32)])
    title = StringField(lazy_gettext("Title"), [InputRequired(), Length(max=MAX_PLAN_TITLE)])
    links = TextAreaField(lazy_gettext("Links, one in a line"), [InputRequired(), Length(max=_MAX_TEXT)])
    minutes = IntegerField(
        lazy_gettext("Minutes"), [InputRequired(), NumberRange(1, MAX_PLAN_MINUTES)], default=60
    )

    @property
    def link_lines(self) -> tuple[str, ...]:
        """The links, in the order in which they were written."""
        return tuple(line.strip() for line in (self.links.data or "").splitlines() if line.strip())
