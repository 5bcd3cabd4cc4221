"""A site on a small board stands by where nobody needs it: its memory is given back, its sockets stay open.

The process becomes a much smaller program (`appliance.standby`), and later the site again, by execve(2): it keeps
its number, its user, its sandbox and whoever looks after it. Nobody is refused meanwhile; only who comes first of
all waits for a start. So a site is awake for as long as the machine is used at all. What it counts in memory, as
tries of a password, begins anew: it should wait for as long as the longest of those windows before it stands by.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from appliance.standby import look_at

AWAKENED_VARIABLE = "HALLPASS_WEB_AWAKENED"  # `Awakened`, for the site that comes back
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from appliance.standby import main; main()"


class StandsBy(msgspec.Struct, frozen=True, kw_only=True):
    """When a server stands by."""

    after_seconds: float  # in which nobody was connected, and the machine was not used
    signs_of_use: tuple[str, ...]  # files of which one is written to whenever it is


class Awakened(msgspec.Struct, frozen=True, kw_only=True):
    """What a site that stood by goes on with."""

    sockets: tuple[int, ...]
    arguments: tuple[str, ...]  # those of `appliance.web_server.gunicorn_arguments`, as they were at its start


class IdleTimer:
    """Tells when a server has not been needed for long enough. Asked often."""

    def __init__(self, when: StandsBy, now: float) -> None:
        self.signs_of_use = when.signs_of_use
        self._after_seconds = when.after_seconds
        self._needed_at = now
        self.used = look_at(when.signs_of_use)

    def is_over(self, now: float, *, is_busy: bool) -> bool:
        """Tell whether to stand by. `now`: running time in seconds; `is_busy`: somebody is, or was, connected."""
        used = look_at(self.signs_of_use)
        if is_busy or used != self.used:
            self._needed_at, self.used = now, used
        if now - self._needed_at < self._after_seconds:
            return False
        self._needed_at = now  # where standing by fails, it is tried again after as long
        return True


def enter_standby(sockets: Sequence[int], arguments: Sequence[str], idle: IdleTimer) -> None:
    """Become the program that waits, and after that this one again, with the same command line.

    `arguments`: what the server was told. Raises OSError where that cannot be; then everything is as it was.
    """
    awakened = Awakened(sockets=tuple(sockets), arguments=tuple(arguments))
    environment = {**os.environ, AWAKENED_VARIABLE: msgspec.json.encode(awakened).decode()}
    folder = str(Path(__file__).parents[1])
    numbers = ",".join(str(number) for number in sockets)
    command = [sys.executable, *sys.orig_argv[1:]]
    # Without `site` (-S), and without the current folder (-P): there is nothing to find but ourselves.
    signs = "\n".join(idle.signs_of_use)
    waiting = [sys.executable, "-S", "-P", "-c", _PROGRAM, folder, signs, idle.used, numbers]
    try:
        _let_inherit(sockets, is_inherited=True)
        os.execve(sys.executable, [*waiting, *command], environment)  # noqa: S606 (this very interpreter)
    finally:
        _let_inherit(sockets, is_inherited=False)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the signals that stop a server end it at once, without its handlers.

    One that comes in the last moment before execve(2) is noted for a handler that is never run: then whoever wants
    the server to stop waits in vain. In the main thread.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_inherit(sockets: Sequence[int], *, is_inherited: bool) -> None:
    for number in sockets:
        os.set_inheritable(number, is_inherited)


def take_awakened() -> Awakened | None:
    """Return with what a site goes on that stood by; None: it begins."""
    said = os.environ.pop(AWAKENED_VARIABLE, "")
    return msgspec.json.decode(said, type=Awakened) if said else None
