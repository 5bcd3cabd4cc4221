"""The image as a whole: the table, the partitions in their places, holes where nothing is; and its packing."""

import hashlib
import os
from pathlib import Path

from appliance.image import tools
from appliance.image.layout import MIB, Layout, Partition, table

COMPRESSORS = {
    "xz": [f"--threads={max(2, os.cpu_count() or 2)}", "-6", "--block-size=16MiB"],  # one thread packs differently
    "zstd": ["-T0", "-3", "--no-progress"],
}
SUFFIXES = {"xz": ".xz", "zstd": ".zst", "none": ""}
_CHUNK = 4 * MIB


def compose(of: Layout, parts: dict[str, Path], output: Path) -> None:
    """Write the table and each partition's file system (by partition name) into one sparse file."""
    output.unlink(missing_ok=True)
    with output.open("wb") as image:
        image.truncate(of.size)
    tools.run(["sfdisk", "--quiet", output], given=table(of).encode())
    for one in of.partitions:
        copy_in(parts[one.name], output, one)
    tools.run(["fallocate", "--dig-holes", output])


def copy_in(source: Path, image: Path, partition: Partition) -> None:
    """Copy a file system to its place, leaving zeros as holes."""
    with source.open("rb") as file, image.open("r+b") as out:
        at = partition.start
        while chunk := file.read(_CHUNK):
            if chunk.strip(b"\0"):
                out.seek(at)
                out.write(chunk)
            at += len(chunk)
        if at > partition.end:
            raise ValueError(f"{source} is larger than its partition")


def copy_out(image: Path, start: int, size: int, output: Path) -> None:
    """Copy one partition into a file of its own, leaving zeros as holes."""
    with image.open("rb") as file, output.open("wb") as out:
        out.truncate(size)
        file.seek(start)
        for at in range(0, size, _CHUNK):
            chunk = file.read(min(_CHUNK, size - at))
            if chunk.strip(b"\0"):
                out.seek(at)
                out.write(chunk)


def pack(image: Path, how: str) -> Path:
    """Compress the image and return the packed file; the image itself stays."""
    packed = image.with_name(image.name + SUFFIXES[how])
    if how != "none":
        packed.unlink(missing_ok=True)
        program = "zstd" if how == "zstd" else "xz"
        tools.run([program, *COMPRESSORS[how], "--keep", "--quiet", image])
    return packed


def unpack(packed: Path, output: Path) -> None:
    """Write the raw image that a packed one holds; a raw one is copied."""
    program = {".xz": "xz", ".zst": "zstd"}.get(packed.suffix)
    if program is None:
        copy_out(packed, 0, packed.stat().st_size, output)
        return
    with output.open("wb") as out:
        tools.run_into([program, "--decompress", "--stdout", packed], out)
    tools.run(["fallocate", "--dig-holes", output])


def sha256(path: Path) -> str:
    """Return a file's digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def block_map(image: Path, output: Path) -> None:
    """Write which blocks of the image hold anything, so that flashing skips the rest (bmaptool)."""
    tools.run(["bmaptool", "--quiet", "create", "--output", output, image])
