"""What a teacher fills in for a lesson plan."""

import secrets

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateTimeLocalField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError

from appliance.protocol import find_control_character
from appliance.room.lesson_plans import MAX_LINK, MAX_LINKS, MAX_TITLE, LessonPlan
from webui.room.form_fields import DURATIONS, TOO_LONG, SingleLine
from webui.room.lessons.forms import split_lines
from webui.room.today.forms import validate_start
from webui.shared.school_clock import school_clock

_TITLE = "What is the lesson?"


def _validate_links(_form: FlaskForm, field: TextAreaField) -> None:
    links = split_lines(field.data or "")
    if len(links) > MAX_LINKS:
        raise ValidationError(f"At most {MAX_LINKS} links in one plan.")
    for link in links:
        if len(link) > MAX_LINK:
            raise ValidationError(f"A link has at most {MAX_LINK} characters: its beginning is enough.")
        if find_control_character(link):
            raise ValidationError("There is a character in a link that no text may hold.")


class PlanForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A plan. Its key is made with the page: one form is one plan, however often it is sent."""

    key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[Regexp(r"[0-9a-f]{32}\Z", message="Please send it again.")],
    )
    title = StringField(
        "Lesson", [InputRequired(_TITLE), SingleLine(_TITLE), Length(max=MAX_TITLE, message=TOO_LONG)]
    )
    links = TextAreaField("Links, one a line", [InputRequired("Which links?"), _validate_links])
    start = DateTimeLocalField("It begins (if you know)", [Optional(), validate_start], format="%Y-%m-%dT%H:%M")
    minutes = SelectField("For how long", choices=DURATIONS, coerce=int, default=60)
    shared = BooleanField("Show it to the other teachers of this room")

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
