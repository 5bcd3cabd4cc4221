"""A finished image, opened for reading: its partitions as files, its trees as folders. Nothing is mounted."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.image import disk, tools
from appliance.image.errors import ImageError
from appliance.image.layout import SECTOR
from dns.errors import DECODING_FAILED


class PartitionEntry(msgspec.Struct, frozen=True):
    """One entry of the partition table, in bytes."""

    start: int
    size: int
    kind: int


class OpenedImage(msgspec.Struct, frozen=True):
    """An image in parts. The folders are copies; whatever is done to them does not reach the image."""

    size: int
    table: tuple[PartitionEntry, ...]
    parts: tuple[Path, ...]  # each partition as a file, in the order of the table
    boot: Path
    root: Path


class _SfdiskPartition(msgspec.Struct):
    start: int
    size: int
    type: str


class _SfdiskTable(msgspec.Struct):
    label: str
    partitions: list[_SfdiskPartition] = []


class _SfdiskOutput(msgspec.Struct):
    partitiontable: _SfdiskTable


@contextlib.contextmanager
def open_image(image: Path) -> Iterator[OpenedImage]:
    """Take an image apart in a folder that is removed afterwards; ImageError if it is none."""
    tools.require_tools(tools.READ_TOOLS)
    if not image.is_file():
        raise ImageError(f"{image}: there is no such file")
    with tempfile.TemporaryDirectory(prefix="hallpass-image-") as folder:
        work = Path(folder)
        raw = image
        if image.suffix in {".xz", ".zst"}:
            raw = work / "raw.img"
            disk.decompress_image(image, raw)
        entries = read_partition_table(raw)
        parts = tuple(work / f"part{number}" for number in range(1, len(entries) + 1))
        for entry, part in zip(entries, parts, strict=True):
            disk.copy_from_image(raw, entry.start, entry.size, part)
        boot, root = work / "boot", work / "root"
        boot.mkdir()
        root.mkdir()
        if len(parts) > 1:
            _extract_fat(parts[0], boot)
            _extract_ext4(parts[1], root)
        yield OpenedImage(size=raw.stat().st_size, table=entries, parts=parts, boot=boot, root=root)


def read_partition_table(raw: Path) -> tuple[PartitionEntry, ...]:
    """Return the partition table of a raw image; ImageError if there is none."""
    try:
        output = msgspec.json.decode(tools.run_tool(["sfdisk", "--json", raw]), type=_SfdiskOutput)
    except (ImageError, *DECODING_FAILED) as problem:
        raise ImageError(f"{raw.name}: this is no image of a card: {problem}") from problem
    return tuple(
        PartitionEntry(start=one.start * SECTOR, size=one.size * SECTOR, kind=int(one.type, 16))
        for one in output.partitiontable.partitions
    )


def _extract_fat(part: Path, folder: Path) -> None:
    with contextlib.suppress(ImageError):  # a file system that cannot be read is a finding, of fsck's
        tools.run_tool(["mcopy", "-i", part, "-s", "-n", "-Q", "::", folder], env={"MTOOLS_SKIP_CHECK": "1"})


def _extract_ext4(part: Path, folder: Path) -> None:
    with contextlib.suppress(ImageError):
        tools.run_tool(["debugfs", "-R", f"rdump / {folder}", part])


def read_label(part: Path) -> str:
    """Return a file system's label, in its own letters; nothing if it has none."""
    with part.open("rb") as file:
        head = file.read(2048)
    if head[510:512] == b"\x55\xaa" and head[82:87] == b"FAT32":
        return head[71:82].decode("ascii", "replace").strip()
    if head[1080:1082] == b"\x53\xef":
        return head[1144:1160].rstrip(b"\0").decode("ascii", "replace")
    return ""
