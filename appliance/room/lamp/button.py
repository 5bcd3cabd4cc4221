"""What the room's button does: acknowledge the lamp, pause the room, or shut it down.

While the button is held the lamp says what letting go would do. Pressing for as long again ends a pause. The room
is paused only where the policy says for how long (`button_pause_minutes`), and by a file
(`appliance.room.button_pause`): nobody waits for the button.
"""

import asyncio
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from appliance.room import button_pause
from appliance.room.lamp.controller import SignalLight
from hardware.button import ButtonAction, ButtonPress

POWER_OFF = ("systemctl", "poweroff")
_LOOK_SECONDS = 0.25

log = logging.getLogger("hallpass.recorder")


class RoomButton:
    """The button of a room."""

    def __init__(
        self,
        light: SignalLight,
        pause_file: Path,
        pause_minutes: Callable[[], int],
        *,
        now: Callable[[], float],
        shut_down: Callable[[], object],
    ) -> None:
        self._light = light
        self._pause_file = pause_file
        self._pause_minutes = pause_minutes
        self._now = now
        self._shut_down = shut_down
        self._loop = asyncio.get_running_loop()
        self._press = ButtonPress(self._loop.time, self._act)
        self._look: asyncio.TimerHandle | None = None

    def down(self) -> None:
        """Take note that the button went down; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._went_down)

    def up(self) -> None:
        """Take note that the button came up; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._came_up)

    def _went_down(self) -> None:
        self._press.press_down()
        self._watch()

    def _came_up(self) -> None:
        if self._look is not None:
            self._look.cancel()
        self._light.held(None)
        self._press.release()

    def _watch(self) -> None:
        meant = self._press.pending_action()
        self._light.held(meant.value if meant in {ButtonAction.PAUSE, ButtonAction.SHUT_DOWN} else None)
        self._look = self._loop.call_later(_LOOK_SECONDS, self._watch)

    def _act(self, meant: ButtonAction) -> None:
        if meant is ButtonAction.ACKNOWLEDGE:
            self._light.acknowledge()
        elif meant is ButtonAction.PAUSE:
            self._pause()
        else:
            log.warning("the button was held: shutting down")
            self._shut_down()

    def _pause(self) -> None:
        now = self._now()
        try:
            if button_pause.read(self._pause_file, now):
                button_pause.end(self._pause_file)
                log.warning("the button ended the room's pause")
            elif minutes := self._pause_minutes():
                button_pause.begin(self._pause_file, minutes, now)
                log.warning("the button paused the room for %d minutes", minutes)
            else:
                log.warning("the button was held, but the policy does not let it pause the room")
        except OSError as problem:
            log.warning("the button could not pause the room: %s", problem)


def shut_down(wish: Path) -> None:
    """Shut the machine down: root does it, anybody else leaves the wish as a file, which the card's units see."""
    if os.geteuid() == 0:
        subprocess.Popen(POWER_OFF)
        return
    try:
        wish.touch()
    except OSError as problem:
        log.warning("the button could not shut the room down: %s", problem)
