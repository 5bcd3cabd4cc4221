"""A small disk of a test's own: a file system in memory, in a mount namespace where nobody else sees it."""

import contextlib
import ctypes
import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.child_story import run_in_child

_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_REC, _MS_PRIVATE = 1, 32, 1 << 14, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def run_on_small_disk(folder: Path, story: Callable[[], None], options: str = "size=1m") -> str:
    """Run a story in a child process for which a folder is a small disk; return its traceback, "": all is well."""

    def on_small_disk() -> None:
        _enter()
        _mount(b"tmpfs", folder, 0, options.encode())
        story()

    return run_in_child(on_small_disk)


def make_read_only(folder: Path) -> None:
    """Let the disk at a folder take nothing any more, as a card does that has had enough."""
    _mount(b"tmpfs", folder, _MS_REMOUNT | _MS_RDONLY, b"")


def fill(folder: Path) -> None:
    """Write until there is no room for a single octet."""
    with (folder / "filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(size))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (folder / "another").write_bytes(b"x")
    (folder / "another").unlink(missing_ok=True)


class SmallDisk:
    """What stands in a folder, on a small disk: at `path`, and in the folder for commands with this `prefix`."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        before = folder.with_name(f"{folder.name}.before")
        folder.rename(before)
        folder.mkdir()
        mount = f"mount -t tmpfs -o size={megabytes}m,mode=0700 none {folder} && cp -a {before}/. {folder}"
        mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *mapped, "--mount", "sh", "-c", f"{mount} && echo ready && exec sleep 900"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        pid = str(self._holder.pid)
        users = ("--user", "--preserve-credentials") if mapped else ()
        self.prefix = ("nsenter", "--target", pid, *users, "--mount", f"--wd={Path.cwd()}")
        self.path = Path(f"/proc/{pid}/root{folder}")

    def __enter__(self) -> "SmallDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def empty(self) -> None:
        """Delete what filled it."""
        (self.path / "filler").unlink()

    def make_read_only(self) -> None:
        """Let it take nothing any more; nobody may have a file of it open for writing."""
        subprocess.run([*self.prefix, "mount", "-o", "remount,ro", str(self._folder)], check=True)

    def close(self) -> None:
        """Give it back."""
        self._holder.kill()
        self._holder.communicate()


def _enter() -> None:
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWNS if user == 0 else _CLONE_NEWUSER | _CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no mount namespace")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount(b"", Path("/"), _MS_REC | _MS_PRIVATE, b"")


def _mount(kind: bytes, target: Path, flags: int, options: bytes) -> None:
    if _libc.mount(b"none", bytes(target), kind, flags, options):
        raise OSError(ctypes.get_errno(), "cannot mount", str(target))
