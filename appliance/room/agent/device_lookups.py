"""What this room says when central asks what a device asked for: no more than that, and not without a reason.

- Who asks and why is written into the room's own log first; where that fails, nothing is said.
- Only that device, only that time, only lines of the kind of group that was asked about: a question for a pupil's
  device brings nothing of staff's, whatever central believes of it.
- At most `MAX_ENTRIES` lines, `MAX_BYTES` and `MAX_HOURS`; of more, the newest.
"""

from datetime import timedelta

import msgspec

from appliance.control_characters import escape_control_characters
from appliance.errors import HallpassError
from appliance.protocol import LookupAnswer, LookupEntry, LookupQuestion
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings

MAX_HOURS = 24
MAX_ENTRIES = 500
MAX_BYTES = 48 * 1024  # of the 64 KB that central takes


def answer_lookup(settings: RoomSettings, question: LookupQuestion) -> LookupAnswer:
    """Return what the log holds. Waits for the disk and the recorder: not for the event loop."""
    # The log's libraries are loaded in a room that was asked something, and in no other.
    from appliance.room.query_log import control  # noqa: PLC0415 (as above)
    from appliance.room.query_log.log_filter import QueryLogFilter  # noqa: PLC0415 (as above)
    from appliance.room.query_log.reader import QueryLogReader  # noqa: PLC0415 (as above)

    if not timedelta(0) < question.until - question.since <= timedelta(hours=MAX_HOURS):
        return _refusal(question, f"a look-up is about {MAX_HOURS} hours at most")
    asked = control.ExtractRequest(token=question.device, who=f"{question.who} (central)", reason=question.reason)
    try:
        control.send_control_request(RoomPaths.from_settings(settings).query_log_control_socket, asked)
        wanted = QueryLogFilter(device=question.device, since=question.since, until=question.until)
        found = QueryLogReader.from_settings(settings).search_entries(wanted, limit=MAX_ENTRIES * 2)
    except HallpassError as problem:
        return _refusal(question, str(problem))
    entries = [
        LookupEntry(
            second=one.second,
            name=escape_control_characters(one.name)[:2000],
            type=one.type[:64],
            verdict=one.verdict,
            category=escape_control_characters(one.category)[:64],
            count=one.count,
        )
        for one in found
        if (one.group in question.staff_groups) == question.of_staff
    ]
    return _bounded(question.id, entries, is_cut=len(found) >= MAX_ENTRIES * 2)


def _bounded(lookup_id: str, entries: list[LookupEntry], *, is_cut: bool) -> LookupAnswer:
    """Return an answer with as many of the newest lines as there is place for."""
    kept: list[LookupEntry] = []
    size = 0
    for entry in reversed(entries):
        size += len(msgspec.json.encode(entry)) + 1
        if len(kept) == MAX_ENTRIES or size > MAX_BYTES:
            is_cut = True
            break
        kept.append(entry)
    return LookupAnswer(id=lookup_id, entries=tuple(reversed(kept)), is_cut=is_cut)


def _refusal(question: LookupQuestion, words: str) -> LookupAnswer:
    return LookupAnswer(id=question.id, error=escape_control_characters(words)[:500])
