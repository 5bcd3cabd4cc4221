"""Makes the answer out of what was found: the same records, their times to live counted down.

Where neither upstreams nor memory had anything, it says that (RFC 8914, code 22).

What the policy granted until a certain time is not cached by anybody for longer. Safe search puts an alias before
the records of the name that is shown instead (RFC 8914 code 4: the answer was made here). HTTPS records lose the
keys for an encrypted hello where the profile wants that.
"""

from dns.cache import Cached
from dns.errors import MalformedMessage
from dns.message import edns, rewrite
from dns.message.builder import capped, failure
from dns.message.response import Answer
from dns.message.wire import AD, HTTPS, NOERROR, NXDOMAIN, SERVFAIL, SVCB
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import Outcome
from dns.policy.verdict import Action

_USUAL = frozenset({NOERROR, NXDOMAIN})
_SERVICES = frozenset({HTTPS, SVCB})


def answered(asked: Asked) -> Outcome:
    """Finish the question."""
    found, client, query = asked.found, asked.client, asked.query
    if found is None or client is None:
        return failure(SERVFAIL, (edns.NO_REACHABLE_AUTHORITY, "no upstream answered"))
    if asked.lookup != query.name:
        return _in_its_place(asked, found)
    answer = _as_found(found, asked)
    if query.qtype in _SERVICES and client.view.strip_ech:
        try:
            rewrite.strip_ech(answer, query)
        except MalformedMessage:
            return failure(SERVFAIL)
    return answer


def _as_found(found: Cached, asked: Asked) -> Answer:
    query, now, verdict = asked.query, asked.now, asked.verdict
    message = found.message if found.stored == now else found.aged(now)
    rcode = message[3] & 0x0F
    answer = Answer(
        rcode,
        "allowed" if rcode in _USUAL else "failed",
        message[query.question_end :],
        message[6:12],
        verdict,
        found.told.options if found.told is not None else b"",
        authentic=message[3] & AD != 0,
        replayable=not (asked.stale or found.is_failure),
        ttls=found.ttls_at,
        stored=found.stored,
        expires=found.expires,
    )
    if asked.stale:
        answer.extended_errors += edns.extended_error(
            edns.STALE_NXDOMAIN if rcode == NXDOMAIN else edns.STALE_ANSWER, "upstreams do not answer"
        )
    return answer if verdict is None or verdict.until is None else capped(answer, verdict, query, now)


def _in_its_place(asked: Asked, found: Cached) -> Answer:
    try:
        answer = rewrite.in_its_place(asked.query, asked.lookup, found.aged(asked.now))
    except MalformedMessage:
        return failure(SERVFAIL)
    answer.verdict = asked.verdict
    answer.stored = found.stored
    answer.expires = found.expires
    if asked.verdict is not None and asked.verdict.action is Action.REWRITE:
        answer.extended_errors = edns.extended_error(edns.FORGED_ANSWER, "safe search")
    elif answer.outcome == "rewritten":  # an alias of the school's own, written in its settings
        answer.outcome = "allowed"
    return capped(answer, asked.verdict, asked.query, asked.now)
