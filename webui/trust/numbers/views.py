"""How each school is, in numbers. What is under five was suppressed by the school, before it was sent."""

from flask import render_template

from appliance.rights import Right
from appliance.trust.school_list import list_schools
from webui.central.blueprints import create_feature_blueprint
from webui.shared.access import requires
from webui.trust.blueprints import trust

MAX_CATEGORIES = 5  # of a school, those of which most was refused
blueprint = create_feature_blueprint("numbers", __name__, home="numbers.show")


@blueprint.get("/numbers")
@requires(Right.SEE_TRUST)
def show() -> str:
    """Show the numbers of all schools that have sent any."""
    with trust().store.read_session() as session:
        found = [one for one in list_schools(session, trust().now()) if one.numbers is not None]
    return render_template("numbers/numbers.html", schools=found, most=MAX_CATEGORIES)
