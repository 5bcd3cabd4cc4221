"""Answers the names that are the room's own, or the school's: they are nobody else's to answer."""

from typing import Protocol

from dns.message.parsed_query import Query
from dns.message.response import Response
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import Stage, StageResult


class LocalZoneLookup(Protocol):
    """What the room knows by itself (`dns.local_zones.local_zones`)."""

    def may_hold_name(self, name: str) -> bool:
        """Tell whether a name may be local at all: nearly none is, and this is cheap."""

    def answer_query(self, query: Query) -> Response | None:
        """Return the answer to a question for a local name, or None: the name is not ours."""

    def alias_target(self, name: str) -> str:
        """Return the name elsewhere whose records stand for a local name's, or "": there is none."""


def local_zones_stage(local: LocalZoneLookup | None) -> Stage:
    """Return the stage."""

    def stage(context: RequestContext) -> StageResult:
        if local is None or not local.may_hold_name(context.lookup_name):
            return None
        response = local.answer_query(context.query)
        if response is None and (target := local.alias_target(context.query.name)):
            # The rest of the pipeline is about that name, the policy's decision included.
            context.lookup_name = target
            context.dependent_names += (target,)
        return response

    return stage
