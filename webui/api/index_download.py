"""Sends a compiled index to a room, whole or in part: in a slot, and no faster than the uplink's cap.

A room that vanishes frees its slot as soon as its connection is given up (`appliance.web_server`).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from flask import Response, request
from werkzeug.wsgi import FileWrapper

from appliance.central.errors import NotFound
from appliance.central.lists.downloads import PIECE_BYTES, paced_pieces
from appliance.central.service import Central
from webui.shared import event_stream


def index_response(central: Central, path: Path, *, etag: str) -> Response:
    """Return a file, or the part that was asked for, as a stream. Raises NotFound or Busy."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound("there is no such index") from None  # pruned in this very moment
    size = os.fstat(file.fileno()).st_size
    response = Response(
        FileWrapper(file, PIECE_BYTES), mimetype="application/octet-stream", direct_passthrough=True
    )
    response.call_on_close(file.close)
    response.content_length = size
    response.set_etag(etag)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size)
        if response.status_code in (200, 206) and request.method == "GET":
            response.call_on_close(central.download_slots.take_slot())
            pieces = iter(cast("Iterable[bytes]", response.response))
            response.response = event_stream.as_stream(paced_pieces(pieces, central.uplink_cap))
            response.direct_passthrough = False  # so that closing it closes what hangs on it, begun or not
    except BaseException:
        response.close()
        raise
    return response
