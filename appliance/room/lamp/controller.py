"""What the lamp shows: a light for each refusal, and a rhythm while the room is in trouble.

A refusal is shown at once. One device that is refused over and over gets `DEVICE_FLASHES` lights and then one
every `DEVICE_SECONDS`: the lamp speaks of the room, it does not drum on one child. The most urgent trouble is
shown for as long as it lasts, unless somebody has acknowledged it (the button): then it is dark until another
comes.
"""

import asyncio

from appliance.room.conditions import Condition
from hardware.lamp import Lamp
from hardware.patterns import PATTERNS, Pattern, light_at

FLASH_SECONDS, MIN_DARK_SECONDS = PATTERNS["refused"][0]
DEVICE_FLASHES = 5
DEVICE_SECONDS = 3.0
_MAX_DEVICES = 1024


class LampController:
    """Lights the lamp at once when something is refused, and puts it out again."""

    def __init__(self, lamp: Lamp, loop: asyncio.AbstractEventLoop) -> None:
        self._lamp = lamp
        self._loop = loop
        self._flash_timer: asyncio.TimerHandle | None = (
            None  # what changes the lamp next: lighting it, or putting it out
        )
        self._dark_until = 0.0
        self._condition: Condition | None = None
        self._condition_since = 0.0
        self._acknowledged: Condition | None = None
        self._pattern_timer: asyncio.TimerHandle | None = None
        self._button_action: str | None = None
        self._button_action_since = 0.0
        self._flash_credit: dict[str, tuple[float, float]] = {}  # device: flashes it has left, when that was

    def flash_for_block(self, device: str = "") -> None:
        """Light the lamp, at the end of a darkness that has only just begun; one that is lit stays so."""
        if self._flash_timer is None and self._button_action is None and self._may_flash(device):
            self._flash_timer = self._loop.call_at(max(self._dark_until, self._loop.time()), self._begin_flash)

    def show_condition(self, condition: Condition | None) -> None:
        """Show a trouble of the room for as long as it lasts; None: there is none any more."""
        if condition is self._condition:
            return
        self._condition = condition
        self._acknowledged = None
        self._condition_since = self._loop.time()
        if self._flash_timer is None:
            self._show_state()

    def acknowledge_condition(self) -> None:
        """Somebody has seen it: put the lamp out until there is something new."""
        self._acknowledged = self._condition
        if self._flash_timer is not None:
            self._flash_timer.cancel()
            self._flash_timer = None
        self._show_state()

    def show_button_action(self, action: str | None) -> None:
        """Show what it would mean to let go of the button now; None: nothing, or it was let go."""
        if action == self._button_action:
            return
        self._button_action, self._button_action_since = action, self._loop.time()
        if self._flash_timer is not None:
            self._flash_timer.cancel()
            self._flash_timer = None
        self._show_state()

    def close(self) -> None:
        """Put the lamp out for good."""
        for timer in (self._flash_timer, self._pattern_timer):
            if timer is not None:
                timer.cancel()
        self._lamp.close()

    def _may_flash(self, device: str) -> bool:
        now = self._loop.time()
        left, at = self._flash_credit.get(device, (float(DEVICE_FLASHES), now))
        left = min(left + (now - at) / DEVICE_SECONDS, DEVICE_FLASHES)
        if left < 1:
            return False
        if len(self._flash_credit) >= _MAX_DEVICES:
            self._flash_credit.clear()
        self._flash_credit[device] = (left - 1, now)
        return True

    def _begin_flash(self) -> None:
        self._stop_pattern()
        self._lamp.turn_on("refused")
        self._flash_timer = self._loop.call_later(FLASH_SECONDS, self._end_flash)

    def _end_flash(self) -> None:
        self._flash_timer = None
        self._dark_until = self._loop.time() + MIN_DARK_SECONDS
        self._show_state()

    def _show_state(self) -> None:
        self._stop_pattern()
        condition = self._condition
        if self._button_action is not None:
            self._show_pattern(self._button_action, PATTERNS[self._button_action], self._button_action_since)
        elif condition is None or condition is self._acknowledged:
            self._lamp.turn_off()
        else:
            self._show_pattern(condition.value, condition.row.pattern, self._condition_since)

    def _show_pattern(self, reason: str, pattern: Pattern, since: float) -> None:
        if self._lamp.has_words:
            self._lamp.turn_on(reason)
            return
        shown, seconds = light_at(pattern, self._loop.time() - since)
        if shown:
            self._lamp.turn_on(reason)
        else:
            self._lamp.turn_off()
        self._pattern_timer = self._loop.call_later(seconds, self._show_pattern, reason, pattern, since)

    def _stop_pattern(self) -> None:
        if self._pattern_timer is not None:
            self._pattern_timer.cancel()
            self._pattern_timer = None
