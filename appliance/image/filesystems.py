"""File systems made as plain files: no loop device, no mount, and the same bytes from the same tree.

Times come from the tree (the caller has set them) or from `epoch`; identifiers and the hash seed are given; names
are taken in sorted order. Older mke2fs copies the moment of staging into each inode's change and birth times:
those are set back afterwards, which changes nothing where mke2fs has already obeyed.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from appliance.image import tools
from appliance.image.layout import MIB, Partition

_GROWS_TO = 512 * 1024 * MIB  # the largest card that the data file system can fill without being made anew


def make_fat(partition: Partition, tree: Path, output: Path, epoch: int) -> None:
    """Make the boot file system with everything that lies in `tree`, whose times are set already."""
    _make_empty_file(output, partition.size)
    env = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
    make: list[str | Path] = [
        "mkfs.vfat",
        "-F",
        "32",
        "--invariant",
        "-i",
        partition.uuid,
        "-n",
        partition.label,
        output,
    ]
    tools.run_tool(make, env=env)
    for entry in sorted(tree.rglob("*")):
        there = f"::/{entry.relative_to(tree)}"
        copy: list[str | Path] = (
            ["mmd", "-i", output, there] if entry.is_dir() else ["mcopy", "-i", output, "-m", "-Q", entry, there]
        )
        tools.run_tool(copy, env=env)


def make_ext4(partition: Partition, tree: Path | None, output: Path, epoch: int, *, grows: bool = False) -> None:
    """Make an ext4 with the content of `tree`; one that `grows` is laid out for the largest cards."""
    _make_empty_file(output, partition.size)
    extended = [f"hash_seed={partition.uuid}", "lazy_itable_init=0", "lazy_journal_init=0", "root_owner=0:0"]
    if grows:
        extended.append(f"resize={_GROWS_TO // 4096}")
    make: list[str | Path] = [
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-I",
        "256",
        "-m",
        "1",
        "-L",
        partition.label,
    ]
    make += ["-U", partition.uuid, "-E", ",".join(extended), "-J", f"size={16 if grows else 4}"]
    if tree is not None:
        make += ["-d", tree]
    env = {"E2FSPROGS_FAKE_TIME": str(epoch), "SOURCE_DATE_EPOCH": str(epoch)}
    tools.run_tool([*make, output], env=env)
    _set_times(output, epoch, env)


def _make_empty_file(path: Path, size: int) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def _set_times(image: Path, epoch: int, env: dict[str, str]) -> None:
    at = f"@{epoch}"
    commands = [
        f"set_inode_field <{inode}> {field} {value}"
        for inode in list_used_inodes(image)
        for field, value in (("ctime", at), ("crtime", at), ("ctime_extra", "0"), ("crtime_extra", "0"))
    ]
    tools.run_tool(["debugfs", "-w", "-f", "-", image], stdin="\n".join([*commands, ""]).encode(), env=env)


def list_used_inodes(image: Path) -> Iterator[int]:
    """Yield the number of every inode in use, from the groups' free ranges."""
    said = tools.run_tool(["dumpe2fs", image]).decode()
    total = int(_field(said, "Inode count"))
    free: set[int] = set()
    for ranges in re.findall(r"^  Free inodes: (.*)$", said, re.MULTILINE):
        for span in filter(None, ranges.split(", ")):
            first, _, last = span.partition("-")
            free.update(range(int(first), int(last or first) + 1))
    yield from (inode for inode in range(1, total + 1) if inode not in free)


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}: +(\S+)$", text, re.MULTILINE)
    return found.group(1) if found else "0"


def clamp_times(tree: Path, epoch: int) -> None:
    """Let nothing in a tree bear a later time than `epoch`; access times follow."""
    # The walk first, as a whole: it follows links to see what they lead to, and reading a link is an access to it.
    found = [
        Path(folder, name)
        for folder, folders, files in os.walk(tree, topdown=False)
        for name in (*folders, *files)
    ]
    for path in (*found, tree):
        _clamp(path, epoch)


def _clamp(path: Path, epoch: int) -> None:
    when = min(int(path.lstat().st_mtime), epoch)
    os.utime(path, (when, when), follow_symlinks=False)
