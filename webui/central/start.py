"""Where somebody begins at central: on the first of the pages that they may see."""

from flask import abort, redirect, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as Redirect

from appliance.central.first_start import read_first_start
from appliance.rights import Right, Scope, has_right
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.shared.access import may_open, requires
from webui.shared.translation import translatable

# The pages that lead to everything else, and their words. Everybody begins on the first that is theirs. They stand
# as one thinks of them: what waits and what happened; what closes and opens; where and for whom; the whole school.
NAVIGATION = (
    ("requests.queue", translatable("Requests")),
    ("home.show", translatable("Home")),
    ("incidents.show", translatable("Incidents")),
    ("staff_incidents.show", translatable("Staff incidents")),
    ("site_search.show", translatable("Sites")),
    ("rules.show", translatable("Rules")),
    ("lists.show", translatable("Lists")),
    ("profiles.show", translatable("Profiles")),
    ("timetables.show", translatable("Timetables")),
    ("delegations.show", translatable("Delegation")),
    ("lesson_plans.show", translatable("Plans")),
    ("rooms.show", translatable("Rooms")),
    ("devices.show", translatable("Devices")),
    ("accounts.show", translatable("People")),
    ("school_settings.show", translatable("School")),
    ("statistics.show", translatable("Reports")),
    ("audit.show", translatable("Audit")),
)

blueprint = create_feature_blueprint("start", __name__, home=START)


@blueprint.get("/")
@requires(Right.SIGN_IN)
def show() -> Redirect:
    """Lead to the first page that whoever asks may see."""
    if may_open("first_start.show", Scope.SCHOOL) and _is_empty():
        return redirect(url_for("first_start.show"))
    first = next((endpoint for endpoint, _ in NAVIGATION if may_open(endpoint, Scope.SCHOOL)), None)
    if first is None and has_right(current_user.account.roles, Right.MANAGE_OWN_SIGN_INS, Scope.SCHOOL):
        first = "sign_ins.show"
    return redirect(url_for(first)) if first else abort(403)


def _is_empty() -> bool:
    """Tell whether the school has no room yet, and nobody said that its first start is for later."""
    with central().store.read_session() as session:
        start = read_first_start(session, central().now())
    return not start.rooms and not start.is_put_away
