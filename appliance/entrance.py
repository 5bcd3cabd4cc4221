"""The way into `hallpass`, which a card's services pass with as little as they need (docs/adr/0031).

A service is always called the same: `hallpass recorder --config FILE`. That needs no library for command lines.
Whatever else is typed is `appliance.cli`'s.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from dns.left_out_modules import left_out

T = TypeVar("T")

# What each service of a room is begun by. The pages are not here: their library brings that of command lines.
SERVICES = {
    "recorder": "appliance.room.start_recorder",
    "resolver": "appliance.room.start_resolver",
    "agent": "appliance.room.start_agent",
}
_TIME_ZONES = "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo"


def main() -> None:
    """Run a service, or the command line, and leave the process with its exit status."""
    open_standard_files()
    match sys.argv[1:]:
        case [("recorder" | "resolver" | "agent") as name, "--config", config]:
            import_less(name)
            _run_service(name, Path(config))
        case ["web", "--config", _]:
            import_less("web")
            _run_command_line()
        case _:
            _run_command_line()


def open_standard_files() -> None:
    """Open the standard files that whoever started this process has closed, and lead them nowhere.

    Else a socket or a database would get their numbers, and what is said to people would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # noqa: FBT003 (as the library has it)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _run_command_line() -> None:
    from appliance.cli import main as run_command_line  # noqa: PLC0415 (for who types something)

    run_command_line()


def _run_service(name: str, config: Path) -> None:
    from appliance.failure_words import explain_failure  # noqa: PLC0415 (after `import_less`)

    try:
        importlib.import_module(SERVICES[name]).start(config)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as failure:
        words, status = explain_failure(failure)
        if not words:
            raise
        sys.stderr.write(f"hallpass: {words}\n")
        sys.exit(status)
    sys.exit(0)


def import_less(name: str) -> None:
    """Import what all services do, without what it takes along where it can, and nobody here wants.

    typing_extensions, half a megabyte: Python has all of it. TLS, where nobody outside is spoken to: a megabyte.
    And where time zones are: without being told, Python reads everything that is known of how it was built.
    """
    os.environ.setdefault("PYTHONTZPATH", _TIME_ZONES)
    with left_out("typing_extensions"):
        importlib.import_module("msgspec")
    if name == "recorder":
        with left_out("ssl"):
            importlib.import_module("asyncio")
    if name == "web":
        _import_limits()


def _import_limits() -> None:
    """Import what counts tries, without its half for event loops and what wraps functions to warn of their age."""
    notes = ModuleType("deprecated.sphinx")
    vars(notes).update(dict.fromkeys(("deprecated", "versionadded", "versionchanged"), _leave_as_it_is))
    package = ModuleType("deprecated")
    vars(package)["sphinx"] = notes
    stand_ins = (ModuleType("limits.aio"), package, notes)
    if any(one.__name__ in sys.modules for one in stand_ins):
        return
    with left_out(*stand_ins):
        importlib.import_module("limits")


def _leave_as_it_is(**_: str) -> Callable[[T], T]:
    return lambda decorated: decorated
