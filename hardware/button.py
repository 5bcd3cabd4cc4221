"""The button: how long it was held says what it means.

A short press acknowledges, five seconds pause the room, ten seconds shut it down. What it means shows while it is
held (`ButtonPress.pending_action`), so that nobody has to count. `action_for` is pure; `GpioButton` only tells
when the pin changes.
"""

import contextlib
import enum
from collections.abc import Callable
from typing import Any

from hardware.errors import HardwareError

PAUSE_SECONDS = 5.0
SHUT_DOWN_SECONDS = 10.0
BOUNCE_SECONDS = 0.05


class ButtonAction(enum.Enum):
    """What a press is for."""

    NOTHING = "nothing"  # the contact only trembled
    ACKNOWLEDGE = "acknowledge"
    PAUSE = "pause"
    SHUT_DOWN = "shut-down"


def action_for(held_seconds: float) -> ButtonAction:
    """Return what a press of so many seconds means."""
    if held_seconds >= SHUT_DOWN_SECONDS:
        return ButtonAction.SHUT_DOWN
    if held_seconds >= PAUSE_SECONDS:
        return ButtonAction.PAUSE
    return ButtonAction.ACKNOWLEDGE if held_seconds >= BOUNCE_SECONDS else ButtonAction.NOTHING


class ButtonPress:
    """Follows one button: told when it goes down and up, by a clock that is passed in."""

    def __init__(self, now: Callable[[], float], act: Callable[[ButtonAction], None]) -> None:
        self._now = now
        self._act = act
        self._pressed_at: float | None = None

    def press_down(self) -> None:
        """Take note that the button went down."""
        if self._pressed_at is None:
            self._pressed_at = self._now()

    def release(self) -> None:
        """Take note that the button came up, and do what the press meant."""
        if self._pressed_at is None:
            return
        held, self._pressed_at = self._now() - self._pressed_at, None
        meant = action_for(held)
        if meant is not ButtonAction.NOTHING:
            self._act(meant)

    def pending_action(self) -> ButtonAction:
        """Return what it would mean to let go now."""
        return ButtonAction.NOTHING if self._pressed_at is None else action_for(self._now() - self._pressed_at)


class GpioButton:
    """A button between a pin (BCM number) and ground. Calls come from a thread of gpiozero's."""

    def __init__(self, pin: int, on_press: Callable[[], None], on_release: Callable[[], None]) -> None:
        from gpiozero import Button  # noqa: PLC0415 (only a Pi has pins; elsewhere this import must not happen)

        try:
            self._button: Any = Button(pin)
        except Exception as problem:  # each library behind gpiozero has errors of its own (lgpio.error)
            raise HardwareError(f"the button on pin {pin} cannot be used: {problem}") from problem
        self._button.when_pressed = on_press
        self._button.when_released = on_release

    def close(self) -> None:
        """Release the pin."""
        with contextlib.suppress(Exception):  # as above
            self._button.close()
