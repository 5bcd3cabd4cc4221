"""Home: what waits, what is broken, and the day in pictures, for whoever runs the school's filter."""

from flask import render_template

from appliance.central import day_figures
from appliance.central.first_start import STEPS, read_first_start
from appliance.rights import Right, Scope
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.home.answer_charts import answer_charts
from webui.central.home.charts import Chart, draw_columns, draw_ranking
from webui.central.home.troubles import find_troubles
from webui.central.open_tasks import list_open_tasks
from webui.shared.access import may_open, requires
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, ngettext

blueprint = create_feature_blueprint("home", __name__, home="home.show")


@blueprint.get("/home")
@requires(Right.SEE_HOME)
def show() -> str:
    """Show what waits, what is broken, and the day in pictures."""
    now = central().now()
    with central().store.read_session() as session:
        figures = day_figures.count_day(session, now, school_clock().zone)
        start = read_first_start(session, now) if may_open("first_start.show", Scope.SCHOOL) else None
        pictures = answer_charts().draw(session, now, school_clock().zone)
        troubles = find_troubles(central(), session, now)
    return render_template(
        "home/home.html",
        tasks=list_open_tasks(central()),
        start=start if start and not start.is_finished and not start.is_put_away else None,
        steps=len(STEPS),
        troubles=troubles,
        answer_charts=pictures,
        charts=_draw(figures),
        days=day_figures.DAYS,
    )


def _draw(figures: day_figures.DayFigures) -> list[Chart]:
    hours, decisions = figures.hours, figures.decisions
    opened, denied = sum(one.opened for one in hours), sum(one.denied for one in hours)
    asked = opened + denied + sum(one.waiting for one in hours)
    decided = sum(one.decided for one in decisions)
    return [
        draw_columns(
            gettext("Requests today"),
            gettext(
                "%(asked)s today: %(opened)s opened, %(denied)s denied.", asked=asked, opened=opened, denied=denied
            ),
            [f"{one.hour}:00" for one in hours],
            {
                gettext("opened"): [one.opened for one in hours],
                gettext("denied"): [one.denied for one in hours],
                gettext("not decided"): [one.waiting for one in hours],
            },
            head=gettext("Hour"),
            is_stacked=True,
        ),
        draw_columns(
            gettext("Time to decision"),
            ngettext(
                "%(num)s decision in %(days)s days. Half of a day's were made within these minutes.",
                "%(num)s decisions in %(days)s days. Half of a day's were made within these minutes.",
                decided, days=day_figures.DAYS,
            ),
            [f"{one.day.day}/{one.day.month}" for one in decisions],
            {gettext("minutes"): [one.median_minutes for one in decisions]},
            head=gettext("Day"),
        ),
        draw_ranking(
            gettext("Most asked for"),
            gettext("The sites that teachers asked for most in %(days)s days.", days=day_figures.DAYS),
            figures.sites, head=gettext("Site"), counted=gettext("Requests"),
        ),
        draw_ranking(
            gettext("Rooms that ask most"),
            gettext("Requests of each room in %(days)s days.", days=day_figures.DAYS),
            figures.rooms, head=gettext("Room"), counted=gettext("Requests"),
        ),
    ]  # fmt: skip
