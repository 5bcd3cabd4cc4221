"""What the lamp shows: a short light for each refusal, and a steady reason while the room is in trouble."""

import asyncio

from appliance.room.health import Condition
from hardware.lamp import Lamp

LIT_SECONDS = 1.0
SHORTEST_DARK_SECONDS = 0.5  # between two lights: never more than three flashes a second (photosensitivity)


class SignalLight:
    """Lights the lamp at once when something is refused, and puts it out again."""

    def __init__(self, lamp: Lamp, loop: asyncio.AbstractEventLoop) -> None:
        self._lamp = lamp
        self._loop = loop
        self._out: asyncio.TimerHandle | None = None
        self._dark_until = 0.0
        self._trouble: Condition | None = None

    def refused(self) -> None:
        """Light the lamp, unless it is lit or was put out only just now."""
        if self._out is None and self._loop.time() >= self._dark_until:
            self._lamp.on("refused")
            self._out = self._loop.call_later(LIT_SECONDS, self._put_out)

    def trouble(self, condition: Condition | None) -> None:
        """Show a trouble of the room for as long as it lasts; None: there is none any more."""
        if condition is self._trouble:
            return
        self._trouble = condition
        if self._out is None:
            self._rest()

    def close(self) -> None:
        """Put the lamp out for good."""
        if self._out is not None:
            self._out.cancel()
        self._lamp.close()

    def _put_out(self) -> None:
        self._out = None
        self._dark_until = self._loop.time() + SHORTEST_DARK_SECONDS
        self._rest()

    def _rest(self) -> None:
        if self._trouble is None:
            self._lamp.off()
        else:
            self._lamp.on(self._trouble.value)
