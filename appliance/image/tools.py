"""The programs that building and verifying call, and the Debian packages that bring them.

Everything missing is reported at once: nobody should install one tool to learn of the next.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import IO

from appliance.image.errors import ImageError

# What a system's administrator calls is not on every user's PATH.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

READ_TOOLS = {
    "sfdisk": "fdisk",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "fsck.vfat": "dosfstools",
    "mcopy": "mtools",
    "xz": "xz-utils",
    "zstd": "zstd",
}
BUILD_TOOLS = READ_TOOLS | {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "dumpe2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mmd": "mtools",
    "bmaptool": "bmap-tools",
    "dtc": "device-tree-compiler",
    "tar": "tar",
    "unshare": "util-linux",
    "fallocate": "util-linux",
}
FOREIGN_TOOLS = {
    "qemu-aarch64-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "arch-test": "arch-test",  # mmdebstrap asks it, and only recommends it
}
BOOT_TOOLS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "dig": "bind9-dnsutils",
    "fdtput": "device-tree-compiler",
    "ssh": "openssh-client",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BINFMT = Path("/proc/sys/fs/binfmt_misc")

Finder = Callable[[str], str | None]


def which(name: str) -> str | None:
    """Return where a program is, looking where administrators' programs are as well."""
    return shutil.which(name, path=PATH)


def is_foreign() -> bool:
    """Return whether this machine runs the card's programs only by emulation."""
    return platform.machine() not in {"aarch64", "arm64"}


def require_tools(wanted: Mapping[str, str], find: Finder = which) -> None:
    """Raise ImageError naming every program that is missing, and the packages that bring them."""
    missing = [name for name in wanted if find(name) is None]
    if not missing:
        return
    packages = sorted({wanted[name] for name in missing})
    raise ImageError(f"missing: {', '.join(missing)}. Install them with: apt install {' '.join(packages)}")


def require_build_tools(find: Finder = which, keyring: Path = KEYRING, binfmt: Path = BINFMT) -> None:
    """Check all that `build_image` needs before it starts: tools, Debian's keys, and that foreign programs run."""
    wanted = BUILD_TOOLS | (FOREIGN_TOOLS if is_foreign() else {})
    if not keyring.exists():
        wanted = {str(keyring): "debian-archive-keyring"} | wanted
    require_tools(wanted, lambda name: name if Path(name) == keyring and keyring.exists() else find(name))
    if is_foreign() and not (binfmt / "qemu-aarch64").exists():
        raise ImageError(
            "this machine cannot run the card's programs: mount the list of interpreters with "
            f"'mount -t binfmt_misc binfmt_misc {binfmt}', then 'update-binfmts --enable qemu-aarch64'"
        )


def run_tool(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    accept: Container[int] = (0,),
) -> bytes:
    """Run a program to its end and return what it printed; ImageError with its last words if it fails.

    With `log`, everything it says is appended to that file instead and nothing is returned. The environment is
    the given one and a PATH, nothing of the caller's: what is built must not depend on who builds.
    """
    words = [str(word) for word in command]
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"} | dict(env or {})
    if log is None:
        done = subprocess.run(words, input=stdin, capture_output=True, env=environment, check=False)
        output = done.stdout, done.stderr
    else:
        with log.open("ab") as out:
            done = subprocess.run(words, input=stdin, stdout=out, stderr=out, env=environment, check=False)
        output = b"", log.read_bytes()[-4000:]
    if done.returncode not in accept:
        lines = [line for line in (output[1] or output[0]).decode(errors="replace").splitlines() if line.strip()]
        where = f" (everything it said: {log})" if log is not None else ""
        raise ImageError(f"{words[0]} failed: {'; '.join(lines[-3:]) or f'status {done.returncode}'}{where}")
    return output[0]


def run_tool_into(command: Sequence[str | Path], output: IO[bytes]) -> None:
    """Run a program to its end, its output into a file; ImageError if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=output, stderr=subprocess.PIPE, env={"PATH": PATH}, check=False)
    if done.returncode:
        raise ImageError(f"{words[0]} failed: {done.stderr.decode(errors='replace').strip()}")


def python_executable() -> str:
    """Return the interpreter that runs this, whose pip fetches and builds wheels."""
    return sys.executable
