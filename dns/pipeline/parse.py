"""Reads the question. What cannot be read gets the error that says so, or silence (RFC 1035, section 4.1.1)."""

from dns.message.constants import Rcode, RecordClass
from dns.message.parsed_query import Query
from dns.message.query import InvalidQuery, NotAQuery, parse_query
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import DROP, StageResult


def parse_stage(context: RequestContext) -> StageResult:
    """Read the question into `context.query`."""
    try:
        context.query = parse_query(context.packet)
    except NotAQuery:
        return DROP
    except InvalidQuery as problem:
        # As much of the question as could be read goes back: the client shall know which of its questions failed.
        context.query = Query(context.packet, "", 0, RecordClass.IN, problem.end, problem.edns)
        return Response(problem.rcode, "allowed" if problem.rcode == Rcode.NOERROR else "failed")
    context.lookup_name = context.query.name
    return None
