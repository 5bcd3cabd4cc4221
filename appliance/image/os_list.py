"""The file that makes the official Raspberry Pi Imager offer this image: `rpi-imager --repo os_list.json`."""

from datetime import UTC, datetime

import msgspec

from appliance.image.layout import MIB

DEVICES = ("pi5-64bit", "pi4-64bit", "pi3-64bit")


class PackedImage(msgspec.Struct, frozen=True):
    """An image as it is offered: sizes in bytes, digests in hexadecimal."""

    file: str
    size: int
    digest: str
    raw_size: int
    raw_digest: str


def encode_os_list(packed: PackedImage, version: str, epoch: int, url: str) -> bytes:
    """Return the list; `url` is the folder from which the image is served (nothing: beside the list itself)."""
    entry = {
        "name": f"Hallpass {version}",
        "description": "A DNS filter for classrooms (64-bit; Raspberry Pi 3, 4 and 5)",
        "icon": "",
        "url": f"{url.rstrip('/')}/{packed.file}" if url else packed.file,
        "extract_size": packed.raw_size,
        "extract_sha256": packed.raw_digest,
        "image_download_size": packed.size,
        "image_download_sha256": packed.digest,
        "release_date": datetime.fromtimestamp(epoch, UTC).date().isoformat(),
        "init_format": "none",  # the room's settings are in hallpass.toml, not in the Imager's dialogue
        "devices": list(DEVICES),
    }
    return msgspec.json.format(msgspec.json.encode({"os_list": [entry]}), indent=2) + b"\n"


def format_size(size: int) -> str:
    """Return a size as a person reads it."""
    return f"{size / MIB:.0f} MiB"
