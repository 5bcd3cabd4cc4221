"""What a school reports of its filtering: figures, without identities."""

from flask import render_template

from appliance.central import statistics
from appliance.central.small_cells import SMALLEST_CELL
from appliance.rights import Right
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.school_clock import school_clock

blueprint = create_feature_blueprint("statistics", __name__, home=START)


@blueprint.get("/statistics")
@requires(Right.READ_REPORTS)
def show() -> str:
    """Show the figures of the last months."""
    clock = school_clock()
    with central().store.read_session() as session:
        months = statistics.count_by_month(session, central().now(), clock.zone)
    return render_template("statistics/statistics.html", months=months, smallest=SMALLEST_CELL)
