"""Turns away unknown clients: an open resolver would answer anybody's questions, and amplify anybody's floods.

An unknown client gets REFUSED, which is never longer than what it asked: nothing can be amplified through us.
"""

import msgspec

from dns.message.constants import Rcode
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import StageResult


def acl_stage(context: RequestContext) -> StageResult:
    """Let known clients pass."""
    if context.client is not None:
        return None
    # Our OPT record could be longer than the client's.
    context.query = msgspec.structs.replace(context.query, edns=None)
    return Response(Rcode.REFUSED, "failed")
