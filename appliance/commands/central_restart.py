"""Serves pages or rooms again, on the sockets of a server of central's that ended.

`python -m appliance.commands.central_restart TITLE MIGRATION SOCKETS ARGUMENTS...`: `appliance.server_supervisor`
starts it. The first servers are copies of one process (`appliance.forked_program`); this one imports for itself.
"""

import os
import signal
import sys
from collections.abc import Sequence

from appliance.allocator import trim_allocator
from appliance.central.schema_migration import newest_migration
from appliance.forked_program import name_process
from appliance.service_log import configure_logging


def restart_command(
    title: str, migration: str, sockets: Sequence[int], arguments: Sequence[str]
) -> tuple[str, ...]:
    """Return the command that serves what `arguments` (for gunicorn) say, on sockets that it finds open.

    `migration`: the one whose tables the other server works with.
    """
    return (sys.executable, "-m", __name__, title, migration, ",".join(map(str, sockets)), *arguments)


def main(title: str, migration: str, sockets: str, *arguments: str) -> None:
    """Serve until told to stop."""
    configure_logging()
    if newest_migration() != migration:
        # It would change the tables below the other server. Whoever looks after central (systemd) starts it whole.
        sys.stderr.write("central: another version of Hallpass was installed; stopping, to begin anew with it\n")
        os.kill(os.getppid(), signal.SIGTERM)
        return
    from appliance.web_process import WebProcess  # noqa: PLC0415 (gunicorn; the others only want the command)

    name_process(title)
    trim_allocator()
    WebProcess(arguments, tuple(map(int, sockets.split(",")))).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
