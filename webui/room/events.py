"""The stream by which a room's pages hear of changes."""

from collections.abc import Iterator

from flask import Response

from appliance.rights import Right
from webui.room.blueprints import create_feature_blueprint, room
from webui.shared import event_stream
from webui.shared.access import requires

blueprint = create_feature_blueprint("events", __name__)


@blueprint.get("/events")
@requires(Right.HEAR_NEWS)
def changes() -> Response:
    """Say whenever the page should look again."""
    news = room().watch_changes()  # here, because the response is made when this request is over

    def items() -> Iterator[tuple[str, object] | None]:
        for changed in news:
            yield ("changed", {}) if changed else None

    return event_stream.stream_events(items())
