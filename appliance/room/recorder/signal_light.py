"""What the lamp shows: a short light for each refusal, and a steady reason while the room is in trouble."""

import asyncio

from appliance.room.health import Condition
from hardware.lamp import Lamp

LIT_SECONDS = 1.0
# Between two lights, so that each is seen. Lit and dark together allow less than one flash a second; three a second
# would be the most that photosensitive people can bear (WCAG 2.3.1).
SHORTEST_DARK_SECONDS = 0.15


class SignalLight:
    """Lights the lamp at once when something is refused, and puts it out again."""

    def __init__(self, lamp: Lamp, loop: asyncio.AbstractEventLoop) -> None:
        self._lamp = lamp
        self._loop = loop
        self._next: asyncio.TimerHandle | None = None  # what changes the lamp next: lighting it, or putting it out
        self._dark_until = 0.0
        self._trouble: Condition | None = None

    def refused(self) -> None:
        """Light the lamp, at the end of a darkness that has only just begun; one that is lit stays so."""
        if self._next is None:
            self._next = self._loop.call_at(max(self._dark_until, self._loop.time()), self._light)

    def trouble(self, condition: Condition | None) -> None:
        """Show a trouble of the room for as long as it lasts; None: there is none any more."""
        if condition is self._trouble:
            return
        self._trouble = condition
        if self._next is None:
            self._rest()

    def close(self) -> None:
        """Put the lamp out for good."""
        if self._next is not None:
            self._next.cancel()
        self._lamp.close()

    def _light(self) -> None:
        self._lamp.on("refused")
        self._next = self._loop.call_later(LIT_SECONDS, self._put_out)

    def _put_out(self) -> None:
        self._next = None
        self._dark_until = self._loop.time() + SHORTEST_DARK_SECONDS
        self._rest()

    def _rest(self) -> None:
        if self._trouble is None:
            self._lamp.off()
        else:
            self._lamp.on(self._trouble.value)
