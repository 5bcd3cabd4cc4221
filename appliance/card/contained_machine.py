"""A card's file systems that hang below a folder of another machine: everything stays within them.

For who looks into a card that is mounted elsewhere, or prepares one. That machine's name, clock and mounts are
its own; owners are those of the card (its `etc/passwd` and `etc/group`); and no link of the card leads a file
out of it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from appliance.card.machine import Machine


class ContainedMachine(Machine):
    """Changes nothing outside `root`. Methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def make_folder(self, path: Path, *, mode: int = 0o755, owner: str = "root", group: str = "root") -> None:
        """Make a folder below the root."""
        self._require_within(path)
        super().make_folder(path, mode=mode, owner=owner, group=group)

    def write_file(
        self, path: Path, content: bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root"
    ) -> None:
        """Replace a file below the root."""
        self._require_within(path.parent)
        super().write_file(path, content, mode=mode, owner=owner, group=group)

    def write_boot_file(self, path: Path, content: bytes) -> None:
        """Replace a file of the boot partition below the root."""
        self._require_within(path.parent)
        super().write_boot_file(path, content)

    def rename_file(self, path: Path, target: Path) -> None:
        """Rename a file within the root."""
        self._require_within(path.parent)
        self._require_within(target.parent)
        super().rename_file(path, target)

    def wipe_file(self, path: Path) -> None:
        """Overwrite and remove a file below the root."""
        self._require_within(path)
        super().wipe_file(path)

    def remove_file(self, path: Path) -> None:
        """Remove a file below the root."""
        self._require_within(path.parent)
        super().remove_file(path)

    def touch_file(self, path: Path) -> None:
        """Note the time on a file below the root."""
        self._require_within(path)
        super().touch_file(path)

    def set_owner(self, path: Path, mode: int, owner: str, group: str) -> None:
        """Set who owns a file below the root."""
        self._require_within(path)
        super().set_owner(path, mode, owner, group)

    @contextlib.contextmanager
    def mount_boot_writable(self, boot: Path) -> Iterator[None]:
        """Leave the mount as whoever mounted it made it."""
        self._require_within(boot)
        yield

    def set_host_name(self, name: str) -> None:
        """Leave this machine its name; the card's stands in its files."""

    def set_clock_forward(self, to: float) -> None:
        """Leave this machine its clock."""

    def has_address(self, address: str) -> bool:  # noqa: ARG002 (as `Machine` has it)
        """Tell that no address of this machine is the card's."""
        return False

    def find_ids(self, owner: str, group: str) -> tuple[int, int]:
        """Return the numbers that the card gives a user and a group. Raises KeyError."""
        return self._number_in("passwd", owner), self._number_in("group", group)

    def _number_in(self, file: str, name: str) -> int:
        path = self._root / "etc" / file
        self._require_within(path)
        lines = (line.split(":") for line in path.read_text().splitlines())
        numbers = {words[0]: int(words[2]) for words in lines if len(words) > 2 and words[2].isdecimal()}
        return numbers[name]

    def _require_within(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self._root):
            raise OSError(f"{path} leads out of {self._root}")
