"""The machine under a card, as far as provisioning changes it: whole files, owners, mounts, the clock.

A file that already says what it should is left alone: a card lives longer unwritten. Whatever is interrupted has
either happened or not, so that provisioning may simply begin again.
"""

import contextlib
import grp
import os
import pwd
import secrets
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from appliance import files

COMMAND_SECONDS = 60.0


class Machine:
    """Changes this very machine. Methods raise OSError."""

    def make_folder(self, path: Path, *, mode: int = 0o755, owner: str = "root", group: str = "root") -> None:
        """Make a folder with its owner, or bring an existing one to it."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.set_owner(path, mode, owner, group)

    def write_file(
        self, path: Path, content: bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root"
    ) -> None:
        """Replace a file. Nobody ever sees half of it, or sees it before it has its owner."""
        if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
            self.set_owner(path, mode, owner, group)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.set_owner(temporary, mode, owner, group)
        temporary.replace(path)
        self.sync_folder(path.parent)

    def write_boot_file(self, path: Path, content: bytes) -> None:
        """Replace a file of the boot partition: FAT knows neither owners nor modes."""
        if path.is_file() and path.read_bytes() == content:
            return
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self.sync_folder(path.parent)

    def rename_file(self, path: Path, target: Path) -> None:
        """Rename a file, and wait until the card has it."""
        path.replace(target)
        self.sync_folder(path.parent)

    def wipe_file(self, path: Path) -> None:
        """Overwrite a file where it stands, then remove it."""
        with path.open("r+b") as file:
            files.overwrite_with_zeros(file)
        self.remove_file(path)

    def remove_file(self, path: Path) -> None:
        """Remove a file, where there is one."""
        if path.exists():
            path.unlink()
            self.sync_folder(path.parent)

    def touch_file(self, path: Path) -> None:
        """Note the time on a file."""
        path.touch(mode=0o600)

    def set_owner(self, path: Path, mode: int, owner: str, group: str) -> None:
        """Set who owns a file, and who may do what with it."""
        try:
            uid, gid = self.find_ids(owner, group)
        except KeyError:
            raise OSError(f"there is no user {owner}, or no group {group}, on this machine") from None
        there = path.stat()
        if (there.st_uid, there.st_gid) != (uid, gid):
            os.chown(path, uid, gid)
        if stat.S_IMODE(there.st_mode) != mode:
            path.chmod(mode)

    def find_ids(self, owner: str, group: str) -> tuple[int, int]:
        """Return the numbers of a user and a group. Raises KeyError."""
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid

    def sync_folder(self, folder: Path) -> None:
        """Wait until what was renamed in a folder is on the disk."""
        files.sync_folder(folder)

    def is_mounted(self, path: Path) -> bool:
        """Tell whether a folder is a file system of its own; else what is written there is gone at reboot."""
        return path.is_mount()

    @contextlib.contextmanager
    def mount_boot_writable(self, boot: Path) -> Iterator[None]:
        """Let the boot partition be written for a moment."""
        self.run_command("mount", "-o", "remount,rw", str(boot))
        try:
            yield
        finally:
            os.sync()
            self.run_command("mount", "-o", "remount,ro", str(boot))

    def has_address(self, address: str) -> bool:
        """Tell whether an address is one of this machine's own."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 0))  # only one's own address can be bound
        except OSError:
            return False
        return True

    def random_bytes(self, size: int) -> bytes:
        """Return so many bytes that nobody knows."""
        return secrets.token_bytes(size)

    def set_host_name(self, name: str) -> None:
        """Tell the kernel the machine's name."""
        if socket.gethostname() != name:
            socket.sethostname(name)

    def set_clock_forward(self, to: float) -> None:
        """Set a clock that is behind what the card knew last (Unix seconds)."""
        if time.time() < to:
            time.clock_settime(time.CLOCK_REALTIME, to)

    def run_command(self, *arguments: str) -> None:
        """Run a command. Raises OSError with what it said."""
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise OSError(f"{arguments[0]} did not end within {COMMAND_SECONDS:.0f} seconds") from None
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"ended with {done.returncode}"
            raise OSError(f"{' '.join(arguments[:2])}: {said}")
