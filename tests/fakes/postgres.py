"""A PostgreSQL server of a test's own: in a folder, on a Unix socket, gone with the test."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_STARTING_SECONDS = 60


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Run a server below an empty folder with a short name; give the URL of its database."""
    programs, data = _PLACES[-1], folder / "data"
    data.mkdir(mode=0o700)
    user = None
    if os.geteuid() == 0:  # PostgreSQL will not run as root
        user = "nobody"
        for path in (folder, data):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)

    def run(*arguments: str) -> None:
        done = subprocess.run(
            arguments,
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_STARTING_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"

    run(
        f"{programs}/initdb", "-D", str(data), "-U", "hallpass", "--auth=trust", "-E", "UTF8", "--locale=C",
        "--no-sync",
    )  # fmt: skip
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    # Its output into a file: the server would hold a pipe open for as long as it lives.
    control = (f"{programs}/pg_ctl", "-D", str(data), "-w", "-t", str(_STARTING_SECONDS))
    run(*control, "-o", options, "-l", str(folder / "said"), "start")
    try:
        yield f"postgresql+psycopg://hallpass@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
