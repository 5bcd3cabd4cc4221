"""Asks the policy whether this device may see this name now."""

from collections.abc import Callable, Sequence

from dns.message import builder
from dns.message.wire import ANY
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import Outcome, Stage
from dns.policy.verdict import Action

# Members of an enumeration are looked up by name at every use; these are used for every question.
_REFUSE, _REWRITE = Action.BLOCK, Action.REWRITE


def decided(page: Callable[[], Sequence[str]]) -> Stage:
    """Return the stage. `page`: the addresses of the page on which this room explains a refusal."""

    def stage(asked: Asked) -> Outcome:
        query, client = asked.query, asked.client
        if client is None:
            return None
        view = client.view
        verdict = asked.verdict = view.decide(asked.lookup, query.qtype, asked.now)
        action = verdict.action
        if action is _REFUSE:
            return builder.refused(query, verdict, view.blocking_mode, asked.now, page())
        if action is _REWRITE:
            asked.lookup = verdict.target
            asked.names += (verdict.target,)
        elif query.qtype == ANY:
            # After the verdict, because a closed name is closed for every type.
            answer = builder.minimal_any()
            answer.verdict = verdict
            return answer
        return None

    return stage
