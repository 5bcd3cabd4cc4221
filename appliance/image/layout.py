"""Where everything stands on the card, and by which names. Sizes and offsets in bytes unless said otherwise.

    4 MiB free | HALLPASS (FAT32) | hallpass-root (ext4) | hallpass-root-b (ext4, empty) | hallpass-data (ext4)

A plain MBR, because every Pi's firmware reads it: exactly its four entries are used. The data partition is the
last one, so that it can grow to the card's end. All identifiers are fixed: the same inputs give the same bytes.
That every card carries the same ones harms nobody, as no machine holds two of them.
"""

import msgspec

MIB = 1024 * 1024
SECTOR = 512
ALIGNED = 4 * MIB  # an SD card erases in blocks of this size; a partition that straddles two is slow
DISK_ID = 0x48A11FA5  # "hall pass", as far as hexadecimal goes
FAT32_LBA = 0x0C
LINUX = 0x83


class Partition(msgspec.Struct, frozen=True):
    """One partition, as it is built."""

    name: str
    label: str
    kind: int
    start: int
    size: int
    uuid: str  # a FAT's is eight hexadecimal digits

    @property
    def end(self) -> int:
        """Return the first byte behind it."""
        return self.start + self.size


class Layout(msgspec.Struct, frozen=True):
    """All partitions of an image, in the order of the partition table."""

    boot: Partition
    root: Partition
    spare: Partition
    data: Partition

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return them in the order of the table: number 1 first."""
        return (self.boot, self.root, self.spare, self.data)

    @property
    def size(self) -> int:
        """Return the size of the whole image."""
        return self.data.end


def make_layout(boot: int = 384 * MIB, root: int = 1024 * MIB, data: int = 64 * MIB) -> Layout:
    """Return the layout for these sizes, which must be whole multiples of `ALIGNED`."""
    at = ALIGNED
    placed = []
    for name, label, kind, size, uuid in (
        ("boot", "HALLPASS", FAT32_LBA, boot, "48A11B00"),
        ("root", "hallpass-root", LINUX, root, "48a11fa5-0000-4000-8000-00000000000a"),
        ("spare", "hallpass-root-b", LINUX, root, "48a11fa5-0000-4000-8000-00000000000b"),
        ("data", "hallpass-data", LINUX, data, "48a11fa5-0000-4000-8000-00000000000d"),
    ):
        if size <= 0 or size % ALIGNED:
            raise ValueError(f"{name}: {size} is not a multiple of {ALIGNED}")
        placed.append(Partition(name=name, label=label, kind=kind, start=at, size=size, uuid=uuid))
        at += size
    return Layout(*placed)


def format_partition_table(layout: Layout) -> str:
    """Return the partition table in sfdisk's words."""
    lines = ["label: dos", f"label-id: 0x{DISK_ID:08x}", "unit: sectors"]
    for one in layout.partitions:
        bootable = ", bootable" if one.name == "boot" else ""
        lines.append(f"start={one.start // SECTOR}, size={one.size // SECTOR}, type={one.kind:x}{bootable}")
    return "\n".join(lines) + "\n"
