"""The image as a whole: the table, the partitions in their places, holes where nothing is; and its packing."""

import hashlib
import os
from pathlib import Path

from appliance.image import tools
from appliance.image.layout import MIB, Layout, Partition, format_partition_table

COMPRESSORS = {
    "xz": [f"--threads={max(2, os.cpu_count() or 2)}", "-6", "--block-size=16MiB"],  # one thread packs differently
    "zstd": ["-T0", "-3", "--no-progress"],
}
SUFFIXES = {"xz": ".xz", "zstd": ".zst", "none": ""}
_CHUNK = 4 * MIB


def compose_image(layout: Layout, parts: dict[str, Path], output: Path) -> None:
    """Write the table and each partition's file system (by partition name) into one sparse file."""
    output.unlink(missing_ok=True)
    with output.open("wb") as image:
        image.truncate(layout.size)
    tools.run_tool(["sfdisk", "--quiet", output], stdin=format_partition_table(layout).encode())
    for one in layout.partitions:
        copy_into_image(parts[one.name], output, one)
    tools.run_tool(["fallocate", "--dig-holes", output])


def copy_into_image(source: Path, image: Path, partition: Partition) -> None:
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


def copy_from_image(image: Path, start: int, size: int, output: Path) -> None:
    """Copy one partition into a file of its own, leaving zeros as holes."""
    with image.open("rb") as file, output.open("wb") as out:
        out.truncate(size)
        file.seek(start)
        for at in range(0, size, _CHUNK):
            chunk = file.read(min(_CHUNK, size - at))
            if chunk.strip(b"\0"):
                out.seek(at)
                out.write(chunk)


def compress_image(image: Path, method: str) -> Path:
    """Compress the image and return the packed file; the image itself stays."""
    packed = image.with_name(image.name + SUFFIXES[method])
    if method != "none":
        packed.unlink(missing_ok=True)
        program = "zstd" if method == "zstd" else "xz"
        tools.run_tool([program, *COMPRESSORS[method], "--keep", "--quiet", image])
    return packed


def decompress_image(packed: Path, output: Path) -> None:
    """Write the raw image that a packed one holds; a raw one is copied."""
    program = {".xz": "xz", ".zst": "zstd"}.get(packed.suffix)
    if program is None:
        copy_from_image(packed, 0, packed.stat().st_size, output)
        return
    with output.open("wb") as out:
        tools.run_tool_into([program, "--decompress", "--stdout", packed], out)
    tools.run_tool(["fallocate", "--dig-holes", output])


def sha256_file(path: Path) -> str:
    """Return a file's digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_block_map(image: Path, output: Path) -> None:
    """Write which blocks of the image hold anything, so that flashing skips the rest (bmaptool)."""
    tools.run_tool(["bmaptool", "--quiet", "create", "--output", output, image])
