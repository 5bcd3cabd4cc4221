"""The chain: the one ordered list of what happens to a question, and how a question moves along it.

A stage is a function of the question. It returns None to let the question pass, an `Answer` to end it, or a
`Pause`: SILENCE for what deserves no answer, WAITING where it will itself call `Chain.run` again later. A stage
knows nothing of the others; what it finds out it writes into `Asked` for those that follow.
"""

import enum
import logging
from collections.abc import Callable, Sequence
from typing import Final

from dns.message.response import Answer
from dns.pipeline.context import Asked

_SHOWN_BYTES = 300
_log = logging.getLogger(__name__)


class Pause(enum.Enum):
    """Why there is no answer now."""

    SILENCE = "no answer is deserved"
    WAITING = "somebody else was asked"


SILENCE: Final = Pause.SILENCE
WAITING: Final = Pause.WAITING

Outcome = Answer | Pause | None
Stage = Callable[[Asked], Outcome]


class Chain:
    """Sends questions along the stages, and hands every answer to `deliver`.

    Nothing that happens on the way raises out of `run`: where a mistake of ours keeps a question from its answer,
    `give_up` is told, and the log says which question it was.
    """

    def __init__(self, deliver: Callable[[Asked, Answer], None], give_up: Callable[[Asked], None]) -> None:
        self._deliver = deliver
        self._give_up = give_up
        self._from: tuple[tuple[Stage, ...], ...] = ((),)  # the stages from each of them on

    def of(self, stages: Sequence[Stage]) -> None:
        """Set the stages, in their order; some of them hold the chain itself, to resume what waits."""
        self._from = tuple(tuple(stages[at:]) for at in range(len(stages) + 1))

    def after(self, stage: Stage) -> int:
        """Return where a question goes on that waited at a stage."""
        return self._from[0].index(stage) + 1

    def run(self, asked: Asked, at: int = 0) -> None:
        """Send a question along the stages, from the given one on."""
        try:
            for stage in self._from[at]:
                outcome = stage(asked)
                if outcome is not None:
                    break
            else:
                return
            if outcome.__class__ is Answer:
                self._deliver(asked, outcome)
        except Exception:  # noqa: BLE001 (one packet must never end the worker)
            _log.exception("a question could not be answered: %s", asked.packet[:_SHOWN_BYTES].hex())
            self._give_up(asked)
