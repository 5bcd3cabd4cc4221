"""Makes the answer out of what was found: the same records, their times to live counted down.

Where neither upstreams nor memory had anything, it says that (RFC 8914, code 22).

What the policy granted until a certain time is not cached by anybody for longer. Safe search puts an alias before
the records of the name that is shown instead (RFC 8914 code 4: the answer was made here). HTTPS records lose the
keys for an encrypted hello where the profile wants that.
"""

from typing import Final

from dns.cached_message import CachedMessage
from dns.errors import MalformedMessage
from dns.message import edns, rewrite
from dns.message.builder import build_error_response, cap_ttls
from dns.message.constants import ExtendedErrorCode, Rcode, RecordType
from dns.message.header import AD, RCODE
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import StageResult
from dns.policy.verdict import Action

# Plain numbers: these are used for every answer; see `dns.message.constants`.
_ALLOWED_RCODES: Final = frozenset({int(Rcode.NOERROR), int(Rcode.NXDOMAIN)})
_SERVICE_TYPES: Final = frozenset({int(RecordType.HTTPS), int(RecordType.SVCB)})


def respond_stage(context: RequestContext) -> StageResult:
    """Finish the question."""
    cached, client, query = context.cached, context.client, context.query
    if cached is None or client is None:
        return build_error_response(
            Rcode.SERVFAIL, (ExtendedErrorCode.NO_REACHABLE_AUTHORITY, "no upstream answered")
        )
    if context.lookup_name != query.name:
        return _rewritten_response(context, cached)
    response = _response_from_cache(cached, context)
    if query.qtype in _SERVICE_TYPES and client.view.strip_ech:
        try:
            rewrite.strip_ech(response, query)
        except MalformedMessage:
            return build_error_response(Rcode.SERVFAIL)
    return response


def _response_from_cache(cached: CachedMessage, context: RequestContext) -> Response:
    query, now, verdict = context.query, context.now, context.verdict
    message = cached.message if cached.stored_at == now else cached.with_aged_ttls(now)
    rcode = message[3] & RCODE
    response = Response(
        rcode,
        "allowed" if rcode in _ALLOWED_RCODES else "failed",
        message[query.question_end :],
        message[6:12],
        verdict,
        cached.extended_error.options if cached.extended_error is not None else b"",
        is_authentic=message[3] & AD != 0,
        is_cacheable=not (context.is_stale or cached.is_failure),
        ttl_offsets=cached.ttl_offsets,
        stored_at=cached.stored_at,
        expires_at=cached.expires_at,
    )
    if context.is_stale:
        response.extended_errors += edns.encode_extended_error(
            ExtendedErrorCode.STALE_NXDOMAIN_ANSWER if rcode == Rcode.NXDOMAIN else ExtendedErrorCode.STALE_ANSWER,
            "upstreams do not answer",
        )
    return response if verdict is None or verdict.until is None else cap_ttls(response, verdict, query, now)


def _rewritten_response(context: RequestContext, cached: CachedMessage) -> Response:
    try:
        response = rewrite.build_cname_response(
            context.query, context.lookup_name, cached.with_aged_ttls(context.now)
        )
    except MalformedMessage:
        return build_error_response(Rcode.SERVFAIL)
    response.verdict = context.verdict
    response.stored_at = cached.stored_at
    response.expires_at = cached.expires_at
    if context.verdict is not None and context.verdict.action is Action.REWRITE:
        response.extended_errors = edns.encode_extended_error(ExtendedErrorCode.FORGED_ANSWER, "safe search")
    elif response.outcome == "rewritten":  # an alias of the school's own, written in its settings
        response.outcome = "allowed"
    return cap_ttls(response, context.verdict, context.query, context.now)
