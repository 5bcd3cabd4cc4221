"""A PostgreSQL server of a test's own: in a folder, on a Unix socket, gone with the test."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_STARTING_SECONDS = 60


class PostgresServer:
    """A server below an empty folder with a short name; it may be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = None
        data = folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # PostgreSQL will not run as root
            self._user = "nobody"
            for path in (folder, data):
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        self.url = f"postgresql+psycopg://hallpass@/postgres?host={folder}"
        self._control = (f"{_PLACES[-1]}/pg_ctl", "-D", str(data), "-w", "-t", str(_STARTING_SECONDS))
        self._run(
            f"{_PLACES[-1]}/initdb", "-D", str(data), "-U", "hallpass", "--auth=trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        # Its output into a file: the server would hold a pipe open for as long as it lives.
        self._run(*self._control, "-o", options, "-l", str(self._folder / "said"), "start")

    def stop(self) -> None:
        self._run(*self._control, "-m", "immediate", "stop")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            arguments,
            user=self._user,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=_STARTING_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Run a server below an empty folder with a short name; give the URL of its database."""
    server = PostgresServer(folder)
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def database_url(kind: str) -> Iterator[str]:
    """Give the URL of a database of a kind: "" for SQLite, that of a server for "postgresql"."""
    if kind == "sqlite":
        yield ""
        return
    with postgres_server() as server:
        yield server.url


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server in a folder of its own, gone afterwards; it must run at the end."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()
