"""The stream by which central's pages hear of changes."""

from flask import Response, request

from appliance.rights import Right
from webui.central.blueprints import START, central, create_feature_blueprint
from webui.shared import event_stream
from webui.shared.access import requires

blueprint = create_feature_blueprint("events", __name__, home=START)


@blueprint.get("/events")
@requires(Right.HEAR_NEWS)
def changes() -> Response:
    """Say whenever anything changed since a page was made: the page then looks again."""
    beats = central().feed.watch_changes(request.args.get("since", 0, type=int))
    return event_stream.stream_events(("changed", {}) if changed else None for changed in beats)
