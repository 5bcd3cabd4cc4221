"""Answers the names that are the room's own, or the school's: they are nobody else's to answer."""

from typing import Protocol

from dns.message.response import Answer
from dns.message.wire import Query
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import Outcome, Stage


class LocalNames(Protocol):
    """What the room knows by itself (`dns.local_zones.local_zones`)."""

    def may_know(self, name: str) -> bool:
        """Tell whether a name may be local at all: nearly none is, and this is cheap."""

    def answer(self, query: Query) -> Answer | None:
        """Return the answer to a question for a local name, or None: the name is not ours."""

    def alias(self, name: str) -> str:
        """Return the name elsewhere whose records stand for a local name's, or "": there is none."""


def own_names(local: LocalNames | None) -> Stage:
    """Return the stage."""

    def stage(asked: Asked) -> Outcome:
        if local is None or not local.may_know(asked.lookup):
            return None
        answer = local.answer(asked.query)
        if answer is None and (target := local.alias(asked.query.name)):
            # The rest of the chain is about that name, the policy's decision included.
            asked.lookup = target
            asked.names += (target,)
        return answer

    return stage
