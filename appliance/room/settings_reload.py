"""Follows a room's settings file while its resolver runs (`dns.worker_group.WorkerGroupSource`).

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
from appliance.room.file_state import FileState, read_file_state
from appliance.room.health import ProcessHealth
from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings
from dns.worker_group import WorkerGroup

PROCESS = "resolver-settings"

MakeWorkerGroup = Callable[
    [RoomSettings, WorkerGroup | None], WorkerGroup
]  # what is there already is used again; raises HallpassError


class SettingsReload:
    """Makes a new plan when the settings have changed."""

    def __init__(
        self,
        file: Path,
        settings: RoomSettings,
        group: WorkerGroup,
        make_group: MakeWorkerGroup,
        *,
        health_folder: Path,
        log: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin with the settings that the file holds now, and the plan that they led to."""
        self._file = file
        self._settings = self._next_settings = settings
        self._group = self._next_group = group
        self._make_group = make_group
        self._health_folder = health_folder
        self._log = log
        self._now = now
        self._tried_state: FileState = (
            None  # the first look reads it: it may have changed since `settings` were read
        )
        self._last_state = read_file_state(file)
        self._problems: tuple[str, ...] = ()
        self._reported_at = 0.0
        self._is_health_tidy = True

    def poll(self, *, reload_requested: bool) -> WorkerGroup | None:
        """Return a new plan where the file asks for one."""
        self._remove_old_health()
        state = read_file_state(self._file)
        is_still, self._last_state = state == self._last_state, state
        if not reload_requested and (state == self._tried_state or not is_still):
            self._write_problems()
            return None
        self._tried_state = state
        try:
            settings = self._read_settings()
            if _resolver_sections(settings) == _resolver_sections(self._settings) and not reload_requested:
                self._set_problems()
                return None
            self._next_group = self._make_group(settings, self._group)
        except SettingsInvalid as mistakes:
            self._set_problems(*mistakes.problems)
            return None
        except HallpassError as problem:
            self._set_problems(*str(problem).splitlines())
            return None
        self._next_settings = settings
        return self._next_group

    def committed(self) -> None:
        """Take the last plan as the one in force."""
        self._settings, self._group = self._next_settings, self._next_group
        self._is_health_tidy = False
        self._set_problems()
        self._log(f"following {self._file}")

    def rejected(self, reason: str) -> None:
        """Hold on to the plan before."""
        self._set_problems(reason)

    def _read_settings(self) -> RoomSettings:
        settings = load_settings(self._file, RoomSettings)
        if settings.room != self._settings.room:
            self._log("[room] has changed: that holds from the next start on")
            settings = msgspec.structs.replace(settings, room=self._settings.room)
        return settings

    def _set_problems(self, *problems: str) -> None:
        self._problems = problems
        self._reported_at = 0.0
        self._write_problems()
        if problems:
            count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
            said = "".join(f"\n  {problem}" for problem in problems)
            self._log(f"keeping the settings as they were: {self._file}: {count}{said}")
        else:
            with contextlib.suppress(OSError):
                (self._health_folder / f"{PROCESS}.json").unlink(missing_ok=True)

    def _remove_old_health(self) -> None:
        """Take away what workers said of themselves that are no more."""
        if self._is_health_tidy:
            return
        self._is_health_tidy = True
        of_now = {f"resolver-{number}.json" for number in range(1, self._group.workers + 1)} | {f"{PROCESS}.json"}
        for path in self._health_folder.glob("resolver-*.json"):
            if path.name not in of_now:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _write_problems(self) -> None:
        """Renew what the health says, so that it does not look like a process that stopped."""
        now = self._now()
        if self._problems and abs(now - self._reported_at) >= health.RENEW_SECONDS:
            self._reported_at = now
            details = {"settings-problem": "; ".join(self._problems)}
            health.write_health(self._health_folder, ProcessHealth(process=PROCESS, time=now, details=details))


def _resolver_sections(settings: RoomSettings) -> tuple[object, ...]:
    """Return the sections that workers depend on: for the others' sake nobody need be relieved."""
    return settings.dns, settings.lists, settings.policy, settings.central, settings.web
