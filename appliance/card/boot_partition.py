"""The boot partition of a card's image, read and written without mounting anything (mtools).

An image has a plain partition table (MBR): four entries of sixteen bytes from byte 446 on, the signature 55 AA at
its end; sectors have 512 bytes.
"""

import lzma
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from appliance.errors import HallpassError

SECTOR_BYTES = 512
PIECE_BYTES = 1024 * 1024

_ENTRIES_AT = 446
_ENTRY = struct.Struct("<B3sB3sII")  # status, first (CHS), type, last (CHS), first sector, sectors
_SIGNATURE = b"\x55\xaa"
_FAT_TYPES = frozenset({0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E})
_GPT_TYPE = 0xEE
_TOOLS = {"mcopy": "mtools", "mtype": "mtools", "cp": "coreutils"}


class ImageInvalid(HallpassError):
    """A file that is no image of a card; the message says why."""


class BootFiles(Protocol):
    """The files of a boot partition, wherever it is."""

    def read_file(self, name: str) -> bytes | None:
        """Return a file, or None: there is no such file."""

    def write_file(self, name: str, content: bytes) -> None:
        """Replace a file."""


class MountedBootFiles:
    """A boot partition that a laptop has mounted: a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_file(self, name: str) -> bytes | None:
        """Return a file, or None: there is no such file."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write_file(self, name: str, content: bytes) -> None:
        """Replace a file, and wait until the card has it."""
        with (self._folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


class ImageBootFiles:
    """The boot partition inside an image."""

    def __init__(self, image: Path) -> None:
        """Find it. Raises ImageInvalid."""
        self._at = f"{image}@@{find_boot_offset(image)}"

    def read_file(self, name: str) -> bytes | None:
        """Return a file, or None: there is no such file."""
        done = _run_mtools("mtype", "-i", self._at, f"::{name}")
        return done.stdout if done.returncode == 0 else None

    def write_file(self, name: str, content: bytes) -> None:
        """Replace a file."""
        with tempfile.NamedTemporaryFile(prefix="hallpass-") as file:  # readable by its owner alone
            file.write(content)
            file.flush()
            done = _run_mtools("mcopy", "-o", "-i", self._at, file.name, f"::{name}")
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise ImageInvalid(f"{name} could not be written into the image: {said}")


def find_boot_offset(image: Path) -> int:
    """Return at which byte of an image its boot partition begins. Raises ImageInvalid."""
    with image.open("rb") as file:
        sector = file.read(SECTOR_BYTES)
        size = file.seek(0, os.SEEK_END)
    if len(sector) < SECTOR_BYTES or not sector.endswith(_SIGNATURE):
        raise ImageInvalid(f"{image}: is no image of a card: it has no partition table")
    for number in range(4):
        _, _, kind, _, first, sectors = _ENTRY.unpack_from(sector, _ENTRIES_AT + number * _ENTRY.size)
        if kind == _GPT_TYPE:
            raise ImageInvalid(f"{image}: has a partition table of another kind (GPT) than a card's")
        if kind in _FAT_TYPES:
            if (first + sectors) * SECTOR_BYTES > size or not first:
                raise ImageInvalid(f"{image}: is cut off: its boot partition ends beyond its end")
            return int(first) * SECTOR_BYTES
    raise ImageInvalid(f"{image}: has no boot partition (FAT)")


def require_tools() -> None:
    """Raise HallpassError with every tool that is missing, and the Debian package that brings it."""
    missing = {tool: package for tool, package in _TOOLS.items() if shutil.which(tool) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise HallpassError(f"{', '.join(missing)}: not found; try: sudo apt install {packages}")


def copy_image(image: Path, target: Path) -> None:
    """Copy an image without its holes, sharing what the file system can share. Raises HallpassError."""
    done = subprocess.run(
        ["cp", "--sparse=always", "--reflink=auto", "--", str(image), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HallpassError(f"{target}: the image could not be copied: {' '.join(done.stderr.split())}")


def unpack_image(packed: Path, target: Path, progress: Callable[[int], None]) -> None:
    """Unpack an .img.xz, with holes for what is empty; `progress` hears of packed bytes. Raises ImageInvalid.

    What is unpacked is its owner's alone: the image may be one room's, and hold its token.
    """
    empty = bytes(PIECE_BYTES)
    target.unlink(missing_ok=True)  # of one that was cut off
    target.touch(mode=0o600, exist_ok=False)
    with packed.open("rb") as raw, target.open("wb") as out:
        known = 0
        try:
            with lzma.open(raw) as stream:
                while piece := stream.read(PIECE_BYTES):
                    if piece == empty[: len(piece)]:
                        out.seek(len(piece), os.SEEK_CUR)
                    else:
                        out.write(piece)
                    progress(raw.tell() - known)
                    known = raw.tell()
        except (lzma.LZMAError, EOFError) as problem:
            raise ImageInvalid(f"{packed}: is damaged or cut off: {problem}") from None
        out.truncate(out.tell())


def _run_mtools(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # An image's partition is smaller than mtools thinks sensible for its geometry: it is right all the same.
    environment = os.environ | {"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": os.devnull}
    return subprocess.run(arguments, capture_output=True, check=False, env=environment)
