"""Lets ordinary questions pass: version 0 of EDNS, class IN, one record type. The rest gets the code that fits.

======================================  =============  ==========================================
EDNS version above 0                    BADVERS        RFC 6891, section 6.1.3
zone transfers (AXFR, IXFR)             REFUSED        RFC 5936, section 2.2.1: we hold no zone
other classes than IN                   REFUSED        nobody here answers for them
MAILA, MAILB, other meta types          NOTIMP         RFC 1035, section 3.2.3; RFC 6895, section 3.1
======================================  =============  ==========================================
"""

from typing import Final

from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import StageResult

# Plain numbers, in sets made once: these are used for every question; see `dns.message.constants`.
_META_TYPES: Final = frozenset({0, int(RecordType.OPT), *range(128, RecordType.ANY)})
_TRANSFERS: Final = frozenset({int(RecordType.AXFR), int(RecordType.IXFR)})
_IN: Final = int(RecordClass.IN)


def sanity_stage(context: RequestContext) -> StageResult:
    """Let ordinary questions pass."""
    query = context.query
    if query.edns is not None and query.edns.version:
        return Response(Rcode.BADVERS, "failed")
    if query.qclass != _IN:
        return Response(Rcode.REFUSED, "failed")
    qtype = query.qtype
    if qtype in _META_TYPES:
        return Response(Rcode.REFUSED if qtype in _TRANSFERS else Rcode.NOTIMP, "failed")
    return None
