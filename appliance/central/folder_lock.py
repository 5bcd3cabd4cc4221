"""One central to a data folder: on SQLite a second one would compile, publish and tell rooms beside the first.

The lock is the kernel's (fcntl(2)): it belongs to one process, copies of that have no part in it, and it ends with
the process, however that dies. On PostgreSQL many centrals are allowed, and nobody asks for it. Commands beside a
central that runs (`hallpass account`) need none either.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.central.errors import CentralError

LOCK_NAME = "central.lock"


@contextmanager
def folder_lock(folder: Path) -> Iterator[int]:
    """Hold a folder while a block runs; give the open file, which holds it across execve(2) where it stays open.

    Raises CentralError where another central holds it, or nobody can.
    """
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise CentralError(f"{folder / LOCK_NAME}: {problem.strerror}") from None
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise CentralError(
                f"another central runs on {folder} (process {holder}); stop it first, or name another data folder"
            ) from None
        with contextlib.suppress(OSError):  # a full disk: whoever is refused then reads an older number, or none
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield handle
    finally:
        os.close(handle)
