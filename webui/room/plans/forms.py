"""What a teacher fills in for a lesson plan."""

import secrets

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateTimeLocalField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError

from appliance.control_characters import find_control_character
from appliance.room.lesson_plans import MAX_LINK, MAX_LINKS, MAX_TITLE, LessonPlan
from webui.room.form_fields import DURATIONS, TOO_LONG, SingleLine
from webui.room.lessons.forms import split_lines
from webui.room.today.forms import validate_start
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, lazy_gettext

_TITLE = lazy_gettext("What is the lesson?")


def _validate_links(_form: FlaskForm, field: TextAreaField) -> None:
    links = split_lines(field.data or "")
    if len(links) > MAX_LINKS:
        raise ValidationError(gettext("At most %(count)s links in one plan.", count=MAX_LINKS))
    for link in links:
        if len(link) > MAX_LINK:
            raise ValidationError(
                gettext("A link has at most %(count)s characters: its beginning is enough.", count=MAX_LINK)
            )
        if find_control_character(link):
            raise ValidationError(gettext("There is a character in a link that no text may hold."))


class PlanForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A plan. Its key is made with the page: one form is one plan, however often it is sent."""

    key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[Regexp(r"[0-9a-f]{32}\Z", message=lazy_gettext("Please send it again."))],
    )
    title = StringField(
        lazy_gettext("Lesson"),
        [InputRequired(_TITLE), SingleLine(_TITLE), Length(max=MAX_TITLE, message=TOO_LONG)],
    )
    links = TextAreaField(
        lazy_gettext("Links, one a line"), [InputRequired(lazy_gettext("Which links?")), _validate_links]
    )
    start = DateTimeLocalField(
        lazy_gettext("It begins (if you know)"), [Optional(), validate_start], format="%Y-%m-%dT%H:%M"
    )
    minutes = SelectField(lazy_gettext("For how long"), choices=DURATIONS, coerce=int, default=60)
    shared = BooleanField(lazy_gettext("Show it to the other teachers of this room"))

    def make_plan(self, owner: str, plan_id: str, requests: tuple[str, ...] = ()) -> LessonPlan:
        """Return the plan that was filled in."""
        return LessonPlan(
            id=plan_id,
            owner=owner,
            title=self.title.data,
            links=tuple(dict.fromkeys(split_lines(self.links.data))),
            minutes=self.minutes.data,
            start=school_clock().moment(self.start.data) if self.start.data else None,
            shared=bool(self.shared.data),
            requests=requests,
        )


def fill_form(plan: LessonPlan) -> PlanForm:
    """Return the form with what a plan has."""
    return PlanForm(
        formdata=None,
        title=plan.title,
        links="\n".join(plan.links),
        start=school_clock().local(plan.start).replace(tzinfo=None) if plan.start else None,
        minutes=plan.minutes,
        shared=plan.shared,
    )
