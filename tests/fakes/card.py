"""A card below a folder: real files, a machine that only remembers what was asked of it, power cuts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.card.enrolment_file import EnrolmentFile, encode_enrolment
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.card.provisioning import Provisioning
from appliance.room import health
from appliance.room.conditions import Condition
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings

SETTINGS = '[room]\nname = "Room 4"\n[dns]\nupstreams = ["192.0.2.53"]\n'
TOKEN = "t0ken-t0ken-t0ken-t0ken-t0ken-t0ken-t0ken-0"


class PowerCut(BaseException):
    """The power went: nothing below may catch it."""


class FakeMachine(Machine):
    """Writes real files; owners, mounts, clock and host name are only remembered.

    With `cut_after`, the power goes before that many steps and one more were done. A step is what a disk does at
    once: half a file may have been written by then.
    """

    def __init__(self, *, cut_after: int | None = None, mounted: bool = True) -> None:
        self.owners: dict[Path, tuple[int, str, str]] = {}
        self.host = ""
        self.clock = 0.0
        self.commands: list[tuple[str, ...]] = []
        self.addresses: set[str] = set()
        self.writable = False
        self.written_on_boot: list[str] = []
        self.steps = 0
        self._cut_after = cut_after
        self._mounted = mounted

    def set_owner(self, path: Path, mode: int, owner: str, group: str) -> None:
        self._step()
        self.owners[path] = (mode, owner, group)

    def write_file(self, path: Path, content: bytes, **rights: Any) -> None:
        self._tear(path.with_name(f".{path.name}.new"), content)
        super().write_file(path, content, **rights)
        temporary = path.with_name(f".{path.name}.new")
        if temporary in self.owners:
            self.owners[path] = self.owners.pop(temporary)
        self._step()

    def write_boot_file(self, path: Path, content: bytes) -> None:
        assert self.writable, "the boot partition is read-only"
        self.written_on_boot.append(path.name)
        self._tear(path.with_suffix(".new"), content)
        super().write_boot_file(path, content)
        self._step()

    def rename_file(self, path: Path, target: Path) -> None:
        assert self.writable, "the boot partition is read-only"
        self._step()
        super().rename_file(path, target)
        self._step()

    def wipe_file(self, path: Path) -> None:
        size = path.stat().st_size
        self._step()
        path.write_bytes(bytes(size // 2) + path.read_bytes()[size // 2 :])  # half of it is overwritten
        self._step()
        super().wipe_file(path)
        self._step()

    def is_mounted(self, path: Path) -> bool:
        return self._mounted

    @contextmanager
    def mount_boot_writable(self, boot: Path) -> Iterator[None]:
        self.writable = True
        yield
        self.writable = False

    def set_host_name(self, name: str) -> None:
        self._step()
        self.host = name

    def set_clock_forward(self, to: float) -> None:
        self.clock = max(self.clock, to)

    def has_address(self, address: str) -> bool:
        return address in self.addresses

    def random_bytes(self, size: int) -> bytes:
        return b"s" * size

    def run_command(self, *arguments: str) -> None:
        self._step()
        self.commands.append(arguments)
        if arguments[0] == "ssh-keygen":
            path = Path(arguments[-1])
            path.write_text("private")
            self._step()
            path.with_suffix(".pub").write_text("public")

    def _tear(self, path: Path, content: bytes) -> None:
        """Let the power go while half of a file is written."""
        if self._cut_after is not None and self.steps == self._cut_after:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[: len(content) // 2])
        self._step()

    def _step(self) -> None:
        if self._cut_after is not None and self.steps >= self._cut_after:
            raise PowerCut
        self.steps += 1


class FakeCard:
    """A card below a folder."""

    def __init__(self, root: Path, starter: Path | None = None) -> None:
        """`starter`: a starter list that was compiled before, for who makes many cards."""
        self.paths = CardPaths(root)
        for folder in (self.paths.boot, self.paths.data, root / "run", root / "etc"):
            folder.mkdir(parents=True)
        if starter is not None:
            shutil.copytree(starter, self.paths.room_data / "starter")

    def write_settings(self, text: str | bytes) -> None:
        self.paths.boot_settings.write_bytes(text.encode() if isinstance(text, str) else text)

    def write_enrolment(self, room: str = "Room 4") -> None:
        made = EnrolmentFile(room=room, url="https://central.example.org", token=TOKEN)
        self.paths.boot_enrolment.write_bytes(encode_enrolment(made))

    def boot(self, machine: FakeMachine | None = None) -> Provisioning:
        """Start the Pi: what stands in memory is new."""
        machine = machine or FakeMachine()
        settling = Provisioning(self.paths, machine, lambda _text: None)
        settling.run_steps()
        return settling

    def forget_memory(self) -> None:
        """Do what a power cut does: empty what is no disk."""
        for folder in ("run", "etc"):
            for path in sorted((self.paths.root / folder).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()

    def tree(self) -> dict[str, bytes]:
        """Return every file with its content."""
        root = self.paths.root
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def settings_in_use(self) -> RoomSettings:
        """Return the settings by which the room's services run."""
        return load_settings(self.paths.room_settings, RoomSettings)

    def conditions(self) -> tuple[Condition, ...]:
        """Return what the card says of itself."""
        [said] = health.read_health(self.paths.runtime / "health", 1e12)
        return said.conditions

    def problem(self) -> str:
        """Return what stands beside the settings' file."""
        return self.paths.problem_file.read_bytes().decode()
