"""The pipeline: how a question moves along the stages. Their order stands in `dns.pipeline.stages`.

A stage is a function of the question. It returns None to let the question pass, a `Response` to end it, or a
`NoResponse`: DROP for what deserves no answer, PENDING where it will itself call `Pipeline.run_stages` again
later. A stage knows nothing of the others; what it finds out it writes into `RequestContext` for those that
follow.
"""

import enum
import logging
from collections.abc import Callable, Sequence
from typing import Final

from dns.message.response import Response
from dns.pipeline.context import RequestContext

_LOGGED_BYTES: Final = 300
_log: Final = logging.getLogger(__name__)


class NoResponse(enum.Enum):
    """Why there is no answer now."""

    DROP = "no answer is deserved"
    PENDING = "an upstream was asked"


DROP: Final = NoResponse.DROP
PENDING: Final = NoResponse.PENDING

StageResult = Response | NoResponse | None
Stage = Callable[[RequestContext], StageResult]


class Pipeline:
    """Sends questions along the stages, and hands every answer to `respond`.

    Nothing that happens on the way raises out of `run_stages`: where a mistake of ours keeps a question from its
    answer, `fail` is told, and the log says which question it was.
    """

    def __init__(
        self, respond: Callable[[RequestContext, Response], None], fail: Callable[[RequestContext], None]
    ) -> None:
        self._respond = respond
        self._fail = fail
        self._stages_from: tuple[tuple[Stage, ...], ...] = ((),)  # the stages from each of them on

    def set_stages(self, stages: Sequence[Stage]) -> None:
        """Set the stages, in their order; some of them hold the pipeline itself, to resume what waits."""
        self._stages_from = tuple(tuple(stages[at:]) for at in range(len(stages) + 1))

    def position_after(self, stage: Stage) -> int:
        """Return where a question goes on that waited at a stage."""
        return self._stages_from[0].index(stage) + 1

    def run_stages(self, context: RequestContext, at: int = 0) -> None:
        """Send a question along the stages, from the given one on."""
        try:
            for stage in self._stages_from[at]:
                outcome = stage(context)
                if outcome is not None:
                    break
            else:
                return
            if outcome.__class__ is Response:
                self._respond(context, outcome)
        except Exception:  # noqa: BLE001 (one packet must never end the worker)
            _log.exception("a question could not be answered: %s", context.packet[:_LOGGED_BYTES].hex())
            self._fail(context)
