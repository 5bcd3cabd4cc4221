"""Asks the policy whether this device may see this name now."""

from collections.abc import Callable, Sequence
from typing import Final

from dns.message import builder
from dns.message.constants import ExtendedErrorCode, Rcode, RecordType
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import Stage, StageResult
from dns.policy.delegation_proofs import proves_delegation
from dns.policy.verdict import Action, Step, Verdict

# Members of an enumeration are looked up by name at every use; these are used for every question.
_REFUSE: Final = Action.BLOCK
_REWRITE: Final = Action.REWRITE
_ANY: Final = int(RecordType.ANY)  # a plain number; see `dns.message.constants`
_NOT_CLOSED: Final = Verdict(Action.ALLOW, Step.DEFAULT)


def policy_stage(page_addresses: Callable[[], Sequence[str]]) -> Stage:
    """Return the stage. `page_addresses`: the addresses of the page on which this room explains a refusal."""

    def stage(context: RequestContext) -> StageResult:
        query, client = context.query, context.client
        if client is None:
            return None
        view = client.view
        verdict = context.verdict = view.decide(context.lookup_name, query.qtype, context.now)
        action = verdict.action
        if action is _REFUSE:
            if proves_delegation(context.lookup_name, query.qtype, verdict):
                context.verdict = _NOT_CLOSED
                return None
            return builder.build_blocked_response(
                query, verdict, view.blocking_mode, context.now, page_addresses()
            )
        if action is _REWRITE:
            context.lookup_name = verdict.target
            context.dependent_names += (verdict.target,)
        elif query.qtype == _ANY:
            # After the verdict, because a closed name is closed for every type.
            response = builder.build_minimal_any_response()
            response.verdict = verdict
            return response
        return None

    return stage


def held_stage(_context: RequestContext) -> StageResult:
    """Fail the question: nobody knows what the lists hold just now."""
    return builder.build_error_response(Rcode.SERVFAIL, (ExtendedErrorCode.OTHER, "the lists are being looked at"))
