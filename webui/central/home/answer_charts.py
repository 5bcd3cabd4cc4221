"""What rooms answered and refused in the last week, as pictures, each with its table.

Rooms tell their counts every five minutes and a picture takes some time to draw, so they are drawn once a minute,
whoever looks.
"""

from datetime import datetime, timedelta, tzinfo

from flask import current_app
from sqlalchemy.orm import Session

from appliance.central.answer_figures import DAYS, AnswerFigures, Cell, count_answers
from blocklists.categories import category_name
from webui.central.home.charts import FEW, Chart, draw_columns, draw_ranking
from webui.shared.languages import current_language
from webui.shared.translation import gettext, translate

_KEPT = timedelta(minutes=1)


class AnswerCharts:
    """The pictures as they were drawn last."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, tzinfo, list[Chart]]] = {}  # by the language of the page

    def draw(self, session: Session, now: datetime, zone: tzinfo) -> list[Chart]:
        """Return the pictures of now; those of a minute ago will do."""
        language = current_language().code
        kept = self._kept.get(language)
        if kept is None or kept[1] is not zone or not kept[0] <= now < kept[0] + _KEPT:
            kept = self._kept[language] = (now, zone, _draw(count_answers(session, now, zone)))
        return kept[2]


def answer_charts() -> AnswerCharts:
    """Return the pictures of the application that answers."""
    found: AnswerCharts = current_app.extensions.setdefault("answer-charts", AnswerCharts())
    return found


def _draw(figures: AnswerFigures) -> list[Chart]:
    return [
        draw_columns(
            gettext("Answers and refusals"),
            gettext(
                "%(answers)s answers in %(days)s days; %(refused)s of them were refusals.",
                answers=_words(figures.answers),
                days=DAYS,
                refused=_words(figures.refused),
            ),
            [f"{day.day}/{day.month}" for day, _, _ in figures.days],
            {
                gettext("answered"): [answered for _, answered, _ in figures.days],
                gettext("refused"): [refused for _, _, refused in figures.days],
            },
            head=gettext("Day"),
            is_stacked=True,
            missing=FEW,
        ),
        draw_columns(
            gettext("By the hour"),
            gettext("At which hours rooms answered and refused, over %(days)s days.", days=DAYS),
            [f"{hour}:00" for hour, _, _ in figures.hours],
            {
                gettext("answered"): [answered for _, answered, _ in figures.hours],
                gettext("refused"): [refused for _, _, refused in figures.hours],
            },
            head=gettext("Hour"),
            is_stacked=True,
            missing=FEW,
        ),
        draw_ranking(
            gettext("Refused by category"),
            gettext("What the refusals of %(days)s days were about.", days=DAYS),
            [(_category_words(name), count) for name, count in figures.categories],
            head=gettext("Category"),
            counted=gettext("Refusals"),
        ),
        draw_ranking(
            gettext("Refused most"),
            gettext(
                "Sites that were refused in %(days)s days, where five devices or more asked for one within an "
                "hour.",
                days=DAYS,
            ),
            figures.sites,
            head=gettext("Site"),
            counted=gettext("Refusals"),
        ),
        draw_ranking(
            gettext("Refused by room"),
            gettext("The rooms with most refusals in %(days)s days.", days=DAYS),
            figures.rooms,
            head=gettext("Room"),
            counted=gettext("Refusals"),
        ),
    ]


def _category_words(name: str) -> str:
    return translate(category_name(name)) if name != "no category" else gettext("no category")


def _words(cell: Cell) -> str:
    return gettext("few") if cell is None else f"{cell:,}"
