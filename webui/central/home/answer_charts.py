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

_KEPT = timedelta(minutes=1)


class AnswerCharts:
    """The pictures as they were drawn last."""

    def __init__(self) -> None:
        self._kept: tuple[datetime, tzinfo, list[Chart]] | None = None

    def draw(self, session: Session, now: datetime, zone: tzinfo) -> list[Chart]:
        """Return the pictures of now; those of a minute ago will do."""
        kept = self._kept
        if kept is None or kept[1] is not zone or not kept[0] <= now < kept[0] + _KEPT:
            kept = self._kept = (now, zone, _draw(count_answers(session, now, zone)))
        return kept[2]


def answer_charts() -> AnswerCharts:
    """Return the pictures of the application that answers."""
    found: AnswerCharts = current_app.extensions.setdefault("answer-charts", AnswerCharts())
    return found


def _draw(figures: AnswerFigures) -> list[Chart]:
    return [
        draw_columns(
            "Answers and refusals",
            f"{_words(figures.answers)} answers in {DAYS} days; {_words(figures.refused)} of them were refusals.",
            [f"{day.day}/{day.month}" for day, _, _ in figures.days],
            {
                "answered": [answered for _, answered, _ in figures.days],
                "refused": [refused for _, _, refused in figures.days],
            },
            head="Day",
            is_stacked=True,
            missing=FEW,
        ),
        draw_columns(
            "By the hour",
            f"At which hours rooms answered and refused, over {DAYS} days.",
            [f"{hour}:00" for hour, _, _ in figures.hours],
            {
                "answered": [answered for _, answered, _ in figures.hours],
                "refused": [refused for _, _, refused in figures.hours],
            },
            head="Hour",
            is_stacked=True,
            missing=FEW,
        ),
        draw_ranking(
            "Refused by category",
            f"What the refusals of {DAYS} days were about.",
            [(_category_words(name), count) for name, count in figures.categories],
            head="Category",
            counted="Refusals",
        ),
        draw_ranking(
            "Refused most",
            f"Sites that were refused in {DAYS} days, where five devices or more asked for one within an hour.",
            figures.sites,
            head="Site",
            counted="Refusals",
        ),
        draw_ranking(
            "Refused by room",
            f"The rooms with most refusals in {DAYS} days.",
            figures.rooms,
            head="Room",
            counted="Refusals",
        ),
    ]


def _category_words(name: str) -> str:
    return category_name(name) if name != "no category" else name


def _words(cell: Cell) -> str:
    return FEW if cell is None else f"{cell:,}"
