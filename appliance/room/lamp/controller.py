"""What the lamp shows: a light for each refusal, and a rhythm while the room is in trouble.

A refusal is shown at once. One device that is refused over and over gets `DEVICE_FLASHES` lights and then one
every `DEVICE_SECONDS`: the lamp speaks of the room, it does not drum on one child. The most urgent trouble is
shown for as long as it lasts, unless somebody has acknowledged it (the button): then it is dark until another
comes.
"""

import asyncio

from appliance.room.health import Condition
from hardware.lamp import Lamp
from hardware.patterns import PATTERNS, light_at

LIT_SECONDS, SHORTEST_DARK_SECONDS = PATTERNS["refused"][0]
DEVICE_FLASHES = 5
DEVICE_SECONDS = 3.0
_DEVICES = 1024


class SignalLight:
    """Lights the lamp at once when something is refused, and puts it out again."""

    def __init__(self, lamp: Lamp, loop: asyncio.AbstractEventLoop) -> None:
        self._lamp = lamp
        self._loop = loop
        self._next: asyncio.TimerHandle | None = None  # what changes the lamp next: lighting it, or putting it out
        self._dark_until = 0.0
        self._trouble: Condition | None = None
        self._trouble_since = 0.0
        self._acknowledged: Condition | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._held: str | None = None
        self._held_since = 0.0
        self._credit: dict[str, tuple[float, float]] = {}  # device: flashes it has left, when that was

    def refused(self, device: str = "") -> None:
        """Light the lamp, at the end of a darkness that has only just begun; one that is lit stays so."""
        if self._next is None and self._held is None and self._may_flash(device):
            self._next = self._loop.call_at(max(self._dark_until, self._loop.time()), self._light)

    def trouble(self, condition: Condition | None) -> None:
        """Show a trouble of the room for as long as it lasts; None: there is none any more."""
        if condition is self._trouble:
            return
        self._trouble = condition
        self._acknowledged = None
        self._trouble_since = self._loop.time()
        if self._next is None:
            self._rest()

    def acknowledge(self) -> None:
        """Somebody has seen it: put the lamp out until there is something new."""
        self._acknowledged = self._trouble
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._rest()

    def held(self, meaning: str | None) -> None:
        """Show what it would mean to let go of the button now; None: nothing, or it was let go."""
        if meaning == self._held:
            return
        self._held, self._held_since = meaning, self._loop.time()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._rest()

    def close(self) -> None:
        """Put the lamp out for good."""
        for timer in (self._next, self._beat):
            if timer is not None:
                timer.cancel()
        self._lamp.close()

    def _may_flash(self, device: str) -> bool:
        now = self._loop.time()
        left, at = self._credit.get(device, (float(DEVICE_FLASHES), now))
        left = min(left + (now - at) / DEVICE_SECONDS, DEVICE_FLASHES)
        if left < 1:
            return False
        if len(self._credit) >= _DEVICES:
            self._credit.clear()
        self._credit[device] = (left - 1, now)
        return True

    def _light(self) -> None:
        self._stop_beating()
        self._lamp.turn_on("refused")
        self._next = self._loop.call_later(LIT_SECONDS, self._put_out)

    def _put_out(self) -> None:
        self._next = None
        self._dark_until = self._loop.time() + SHORTEST_DARK_SECONDS
        self._rest()

    def _rest(self) -> None:
        self._stop_beating()
        trouble = self._trouble
        if self._held is not None:
            self._show(self._held, self._held_since)
        elif trouble is None or trouble is self._acknowledged:
            self._lamp.turn_off()
        else:
            self._show(trouble.value, self._trouble_since)

    def _show(self, reason: str, since: float) -> None:
        if self._lamp.has_words:
            self._lamp.turn_on(reason)
            return
        shown, seconds = light_at(PATTERNS[reason], self._loop.time() - since)
        if shown:
            self._lamp.turn_on(reason)
        else:
            self._lamp.turn_off()
        self._beat = self._loop.call_later(seconds, self._show, reason, since)

    def _stop_beating(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
