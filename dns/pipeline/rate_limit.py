"""Holds each device to its share: one that asks too much must not leave the others waiting.

A device over its limit is told to come back over TCP (TC), which a flood with a forged address cannot do, and a
real device does by itself; over TCP, where that says nothing, it is REFUSED.
"""

from dns.message.builder import build_error_response
from dns.message.constants import ExtendedErrorCode, Rcode
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import StageResult


def rate_limit_stage(context: RequestContext) -> StageResult:
    """Let devices pass that have a token left."""
    client = context.client
    if client is None:
        return None
    is_udp = context.transport == "udp"
    if client.take_udp_token() if is_udp else client.take_stream_token():
        return None
    if is_udp:
        response = Response(Rcode.NOERROR, "failed")
        response.is_truncated = True
        return response
    return build_error_response(Rcode.REFUSED, (ExtendedErrorCode.PROHIBITED, "too many questions"))
