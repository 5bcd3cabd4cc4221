"""Reads the question. What cannot be read gets the error that says so, or silence (RFC 1035, section 4.1.1)."""

from dns.message.response import Answer
from dns.message.wire import CLASS_IN, NOERROR, Query, Unanswerable, Unreadable, read
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import SILENCE, Outcome


def readable(asked: Asked) -> Outcome:
    """Read the question into `asked.query`."""
    try:
        asked.query = read(asked.packet)
    except Unanswerable:
        return SILENCE
    except Unreadable as problem:
        # As much of the question as could be read goes back: the asker shall know which of its questions failed.
        asked.query = Query(asked.packet, "", 0, CLASS_IN, problem.end, problem.edns)
        return Answer(problem.rcode, "allowed" if problem.rcode == NOERROR else "failed")
    asked.lookup = asked.query.name
    return None
