"""The button: how long it was held says what it means.

A short press acknowledges, five seconds pause the room, ten seconds shut it down. What it means shows while it is
held (`Press.meaning_now`), so that nobody has to count. `meaning` is pure; `GpioButton` only tells when the pin
changes.
"""

import contextlib
import enum
from collections.abc import Callable
from typing import Any

from hardware.errors import HardwareError

PAUSE_SECONDS = 5.0
SHUT_DOWN_SECONDS = 10.0
BOUNCE_SECONDS = 0.05


class Meaning(enum.Enum):
    """What a press is for."""

    NOTHING = "nothing"  # the contact only trembled
    ACKNOWLEDGE = "acknowledge"
    PAUSE = "pause"
    SHUT_DOWN = "shut-down"


def meaning(held_seconds: float) -> Meaning:
    """Return what a press of so many seconds means."""
    if held_seconds >= SHUT_DOWN_SECONDS:
        return Meaning.SHUT_DOWN
    if held_seconds >= PAUSE_SECONDS:
        return Meaning.PAUSE
    return Meaning.ACKNOWLEDGE if held_seconds >= BOUNCE_SECONDS else Meaning.NOTHING


class Press:
    """Follows one button: told when it goes down and up, by a clock that is passed in."""

    def __init__(self, now: Callable[[], float], act: Callable[[Meaning], None]) -> None:
        self._now = now
        self._act = act
        self._down: float | None = None

    def down(self) -> None:
        """Take note that the button went down."""
        if self._down is None:
            self._down = self._now()

    def up(self) -> None:
        """Take note that the button came up, and do what the press meant."""
        if self._down is None:
            return
        held, self._down = self._now() - self._down, None
        meant = meaning(held)
        if meant is not Meaning.NOTHING:
            self._act(meant)

    def meaning_now(self) -> Meaning:
        """Return what it would mean to let go now."""
        return Meaning.NOTHING if self._down is None else meaning(self._now() - self._down)


class GpioButton:
    """A button between a pin (BCM number) and ground. Calls come from a thread of gpiozero's."""

    def __init__(self, pin: int, down: Callable[[], None], up: Callable[[], None]) -> None:
        from gpiozero import Button  # noqa: PLC0415 (only a Pi has pins; elsewhere this import must not happen)

        try:
            self._button: Any = Button(pin)
        except Exception as problem:  # each library behind gpiozero has errors of its own (lgpio.error)
            raise HardwareError(f"the button on pin {pin} cannot be used: {problem}") from problem
        self._button.when_pressed = down
        self._button.when_released = up

    def close(self) -> None:
        """Release the pin."""
        with contextlib.suppress(Exception):  # as above
            self._button.close()
