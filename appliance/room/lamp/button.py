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
from appliance.room.lamp.controller import LampController
from hardware.button import ButtonAction, ButtonPress

POWER_OFF = ("systemctl", "poweroff")
_SHOW_SECONDS = 0.25

log = logging.getLogger("hallpass.recorder")


class RoomButton:
    """The button of a room."""

    def __init__(
        self,
        lamp: LampController,
        pause_file: Path,
        pause_minutes: Callable[[], int],
        *,
        now: Callable[[], float],
        shut_down: Callable[[], object],
    ) -> None:
        self._lamp = lamp
        self._pause_file = pause_file
        self._pause_minutes = pause_minutes
        self._now = now
        self._shut_down = shut_down
        self._loop = asyncio.get_running_loop()
        self._press = ButtonPress(self._loop.time, self._perform_action)
        self._show_timer: asyncio.TimerHandle | None = None

    def on_press(self) -> None:
        """Take note that the button went down; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._handle_press)

    def on_release(self) -> None:
        """Take note that the button came up; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._handle_release)

    def _handle_press(self) -> None:
        self._press.press_down()
        self._show_pending_action()

    def _handle_release(self) -> None:
        if self._show_timer is not None:
            self._show_timer.cancel()
        self._lamp.show_button_action(None)
        self._press.release()

    def _show_pending_action(self) -> None:
        action = self._press.pending_action()
        self._lamp.show_button_action(
            action.value if action in {ButtonAction.PAUSE, ButtonAction.SHUT_DOWN} else None
        )
        self._show_timer = self._loop.call_later(_SHOW_SECONDS, self._show_pending_action)

    def _perform_action(self, action: ButtonAction) -> None:
        if action is ButtonAction.ACKNOWLEDGE:
            self._lamp.acknowledge_condition()
        elif action is ButtonAction.PAUSE:
            self._toggle_pause()
        else:
            log.warning("the button was held: shutting down")
            self._shut_down()

    def _toggle_pause(self) -> None:
        now = self._now()
        try:
            if button_pause.read_button_pause(self._pause_file, now):
                button_pause.end_button_pause(self._pause_file)
                log.warning("the button ended the room's pause")
            elif minutes := self._pause_minutes():
                button_pause.start_button_pause(self._pause_file, minutes, now)
                log.warning("the button paused the room for %d minutes", minutes)
            else:
                log.warning("the button was held, but the policy does not let it pause the room")
        except OSError as problem:
            log.warning("the button could not pause the room: %s", problem)


def shut_down(request_file: Path) -> None:
    """Shut the machine down: root does it, anybody else leaves the wish as a file, which the card's units see."""
    if os.geteuid() == 0:
        subprocess.Popen(POWER_OFF)
        return
    try:
        request_file.touch()
    except OSError as problem:
        log.warning("the button could not shut the room down: %s", problem)
