"""A teacher's plan of a lesson: its links, and when it is. By itself it opens and closes nothing (ADR 0009).

What of it is closed is asked for in one request, for the lesson's time; the lesson is started from it by hand.
Plans are kept in the room, by the agent; one that is shared is seen by every teacher of the room.
"""

from datetime import datetime
from typing import Annotated

import msgspec

MAX_LINKS = 30
MAX_LINK = 300  # characters
MAX_TITLE = 100
MAX_OWN = 30  # plans of one teacher
MAX_SHARED = 60  # of the room
KEPT_DAYS = 400  # without a change
UNDO_DAYS = 1  # for which one that was deleted can be put back

PlanId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", max_length=32)]


class LessonPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One plan."""

    id: PlanId
    owner: str  # user name
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TITLE)]
    # As they were pasted.
    links: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=MAX_LINK)], ...],
        msgspec.Meta(min_length=1, max_length=MAX_LINKS),
    ]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=8 * 60)] = 60
    start: datetime | None = None  # UTC; None: whenever it is started
    shared: bool = False  # with the teachers of this room
    requests: Annotated[tuple[PlanId, ...], msgspec.Meta(max_length=20)] = ()  # that were made of it
