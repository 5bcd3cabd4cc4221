"""Follows a room's settings file while its resolver runs (`dns.supervisor.WorkerGroupSource`).

The file is looked at once a second, and read when it has stood unchanged from one look to the next: an editor may
write it in pieces. SIGHUP has it read at once, and followed even where it says nothing new (a certificate may have
been renewed). A file with mistakes changes nothing: all of them are said on the standard error output and, for as
long as they last, in the room's health (`resolver-settings.json` there). `[room]` is not followed: where the room
keeps its things is agreed with the other processes at the start.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.room import health
from appliance.room.file_state import FileState, state_of
from appliance.room.health import ProcessHealth
from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings
from dns.supervisor import WorkerGroup

PROCESS = "resolver-settings"

Compose = Callable[
    [RoomSettings, WorkerGroup | None], WorkerGroup
]  # what is there already is used again; raises HallpassError


class Follower:
    """Makes a new plan when the settings have changed."""

    def __init__(
        self,
        file: Path,
        settings: RoomSettings,
        plan: WorkerGroup,
        compose: Compose,
        *,
        health_folder: Path,
        say: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin with the settings that the file holds now, and the plan that they led to."""
        self._file = file
        self._settings = self._next_settings = settings
        self._plan = self._next_plan = plan
        self._compose = compose
        self._folder = health_folder
        self._say = say
        self._now = now
        self._tried: FileState = None  # the first look reads it: it may have changed since `settings` were read
        self._seen = state_of(file)
        self._problems: tuple[str, ...] = ()
        self._said_at = 0.0
        self._is_tidy = True

    def poll(self, *, reload_requested: bool) -> WorkerGroup | None:
        """Return a new plan where the file asks for one."""
        self._tidy()
        state = state_of(self._file)
        is_still, self._seen = state == self._seen, state
        if not reload_requested and (state == self._tried or not is_still):
            self._keep_saying()
            return None
        self._tried = state
        try:
            settings = self._read()
            if _read_by_resolver(settings) == _read_by_resolver(self._settings) and not reload_requested:
                self._problem()
                return None
            self._next_plan = self._compose(settings, self._plan)
        except SettingsInvalid as mistakes:
            self._problem(*mistakes.problems)
            return None
        except HallpassError as problem:
            self._problem(*str(problem).splitlines())
            return None
        self._next_settings = settings
        return self._next_plan

    def committed(self) -> None:
        """Take the last plan as the one in force."""
        self._settings, self._plan = self._next_settings, self._next_plan
        self._is_tidy = False
        self._problem()
        self._say(f"following {self._file}")

    def rejected(self, reason: str) -> None:
        """Hold on to the plan before."""
        self._problem(reason)

    def _read(self) -> RoomSettings:
        settings = load_settings(self._file, RoomSettings)
        if settings.room != self._settings.room:
            self._say("[room] has changed: that holds from the next start on")
            settings = msgspec.structs.replace(settings, room=self._settings.room)
        return settings

    def _problem(self, *problems: str) -> None:
        self._problems = problems
        self._said_at = 0.0
        self._keep_saying()
        if problems:
            count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
            said = "".join(f"\n  {problem}" for problem in problems)
            self._say(f"keeping the settings as they were: {self._file}: {count}{said}")
        else:
            with contextlib.suppress(OSError):
                (self._folder / f"{PROCESS}.json").unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Take away what workers said of themselves that are no more."""
        if self._is_tidy:
            return
        self._is_tidy = True
        of_now = {f"resolver-{number}.json" for number in range(1, self._plan.workers + 1)} | {f"{PROCESS}.json"}
        for path in self._folder.glob("resolver-*.json"):
            if path.name not in of_now:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _keep_saying(self) -> None:
        """Renew what the health says, so that it does not look like a process that stopped."""
        now = self._now()
        if self._problems and abs(now - self._said_at) >= health.RENEW_SECONDS:
            self._said_at = now
            details = {"settings-problem": "; ".join(self._problems)}
            health.report(self._folder, ProcessHealth(process=PROCESS, time=now, details=details))


def _read_by_resolver(settings: RoomSettings) -> tuple[object, ...]:
    """Return the sections that workers depend on: for the others' sake nobody need be relieved."""
    return settings.dns, settings.lists, settings.policy, settings.central, settings.web
