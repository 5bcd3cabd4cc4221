"""What pupils ask their teacher for from the refused page, as the agent keeps it and the pages show it.

It stays in the room: central hears of nothing before a teacher who is signed in has made a request of it. Fair by
device, as "tell a grown-up" is (`appliance.room.incidents.pupil_reports`): the same site of the same device is one
ask for `MERGE_SECONDS`; a device has `ASKS_PER_DEVICE` of them in that time, and all beyond each device's first
together `MORE_ASKS`. A teacher's "no" holds for a site as long, for whoever asks next.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

MERGE_SECONDS = 1800.0
ASKS_PER_DEVICE = 3
MORE_ASKS = 30  # of the whole room, beyond each device's first
MAX_TIMES = 99  # more often is not counted
MAX_ASKS = 1000  # in the file: the oldest go first
KEPT_SECONDS = 86_400.0

# asked: the teacher's page shows it; again: it did before; enough: this device has asked for so much that it was
# not passed on; unseen: this name was not refused to this device lately; closed: nobody is asked for this one;
# unavailable: it cannot be kept now.
AskOutcome = Literal["asked", "again", "enough", "unseen", "closed", "unavailable"]
# waiting: for the teacher; passed-on: the teacher has asked the coordinator; open: until `until`; later: from
# `since` on; no: the teacher or the coordinator said so; over: it was open.
AskState = Literal["waiting", "passed-on", "open", "later", "no", "over"]
Token = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$", max_length=12)]


class PupilAsk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One site that one device asked for."""

    device: str  # its token
    site: str
    asked_at: float  # the first time, Unix seconds
    times: int
    answer: Literal["", "yes", "no"] = ""
    by: str = ""  # who answered
    answered_at: float = 0.0
    request: str = ""  # the id of the request that came of it
    state: AskState = "waiting"
    until: datetime | None = None
    since: datetime | None = None
