"""A computer in the emulator that starts from a card's image: the nearest thing to a Pi that a test can switch
off.

Two kinds: `virt`, a plain fast one with the image's own kernel and initramfs, and `raspi3b`, a Pi 3 with the image
as its SD card. Whatever it writes goes into an overlay; the image stays as it was. From outside it is reached
through forwarded ports, and it reaches a name server of the test's at 10.0.2.2. Everything waits with a limit.
"""

import contextlib
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from appliance.image import disk, reader, tools
from appliance.image.errors import ImageError
from appliance.image.layout import make_layout
from tests.fakes.ports import free_port

OUTSIDE = "10.0.2.2"  # this machine, as the emulated one sees it
BOOT = make_layout().boot.start
CARD_SIZE = "8G"  # a card is larger than the image; a power of two, as the emulated card reader wants it
_KIND = {
    "virt": {
        "options": ["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi"],
        "disk": "if=none,id=card,format=qcow2,file={}",
        "devices": ["-device", "virtio-blk-device,drive=card", "-device", "virtio-net-device,netdev=net"],
        "words": "console=ttyAMA0",
    },
    "raspi3b": {
        "options": ["-M", "raspi3b"],
        "disk": "if=sd,format=qcow2,file={}",
        "devices": ["-device", "usb-net,netdev=net"],
        # The mini UART: the other one belongs to Bluetooth. And QEMU resets this board when its watchdog is set,
        # not when it runs out.
        "words": "console=ttyS1 systemd.watchdog_sec=off",
    },
}
T = TypeVar("T")


class TooLate(AssertionError):
    """What was waited for did not come; with the last lines of the console."""


class Card:
    """One card, made from an image: what is on it outlives the machine it is put into."""

    def __init__(self, image: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "card.qcow2"
        make: list[str | Path] = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            "raw",
            "-b",
            image.resolve(),
            self.path,
            CARD_SIZE,
        ]
        tools.run_tool(make)

    @contextlib.contextmanager
    def _in_a_laptop(self, *, writes: bool = False) -> Iterator[Path]:
        raw = self.folder / "card.img"
        # -U: also while the machine is on; what it is just writing may then be read half.
        tools.run_tool(["qemu-img", "convert", "-U", "-O", "raw", self.path, raw])
        try:
            yield raw
            if writes:
                tools.run_tool(["qemu-img", "convert", "-O", "qcow2", raw, self.path])
        finally:
            raw.unlink()

    def read(self, name: str) -> bytes | None:
        """Return a file of the boot partition, or None if there is none of that name."""
        with self._in_a_laptop() as raw:
            try:
                return tools.run_tool(["mtype", "-i", f"{raw}@@{BOOT}", f"::{name}"])
            except ImageError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file on the boot partition."""
        with self._in_a_laptop(writes=True) as raw:
            tools.run_tool(["mcopy", "-o", "-i", f"{raw}@@{BOOT}", "-", f"::{name}"], stdin=content)

    def data(self, folder: Path) -> int:
        """Copy the data partition's files into a folder, its journal replayed; return the file system's size."""
        with self._in_a_laptop() as raw:
            entry = reader.read_partition_table(raw)[3]
            part = self.folder / "data.fs"
            disk.copy_from_image(raw, entry.start, entry.size, part)
        tools.run_tool(["e2fsck", "-f", "-p", part], accept={0, 1})
        folder.mkdir(parents=True)
        tools.run_tool(["debugfs", "-R", f"rdump / {folder}", part])
        count = re.search(
            r"^Block count: +(\d+)$", tools.run_tool(["dumpe2fs", "-h", part]).decode(), re.MULTILINE
        )
        part.unlink()
        assert count is not None
        return int(count.group(1)) * 4096


class Machine:
    """The computer. `with` it, and it is on; leaving cuts its power."""

    def __init__(self, card: Card, kind: str = "virt", more: str = "") -> None:
        self.card = card
        self._kind = _KIND[kind]
        self._more = more
        self._name = kind
        self._process: subprocess.Popen[bytes] | None = None
        self.console = card.folder / "console.txt"
        self.ports = {name: free_port() for name in ("dns", "http", "ssh")}
        self.began = 0.0

    def __enter__(self) -> "Machine":
        self.on()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def on(self) -> None:
        """Switch it on."""
        boot = self.card.folder / "boot"
        if not boot.exists():
            boot.mkdir()
            for name in ("vmlinuz", "initrd.img", "cmdline.txt", "bcm2837-rpi-3-b.dtb"):
                (boot / name).write_bytes(self.card.read(name) or b"")
        words = re.sub(r"console=\S+ ?", "", (boot / "cmdline.txt").read_text()).strip()
        words = f"{self._kind['words']} {words} {self._more}"
        forwards = "".join(
            f",hostfwd={protocol}:127.0.0.1:{self.ports[name]}-:{port}"
            for name, port, protocols in (
                ("dns", 53, ("udp", "tcp")),
                ("http", 80, ("tcp",)),
                ("ssh", 22, ("tcp",)),
            )
            for protocol in protocols
        )
        command: list[str | Path] = [
            "qemu-system-aarch64", *self._kind["options"], "-display", "none", "-no-reboot", "-monitor", "none",
            "-kernel", boot / "vmlinuz", "-initrd", boot / "initrd.img", "-append", words,
            "-drive", str(self._kind["disk"]).format(self.card.path), *self._kind["devices"],
            "-netdev", f"user,id=net{forwards}", "-serial", f"file:{self.console}",
        ]  # fmt: skip
        if self._name == "virt":
            command += ["-dtb", self._as_a_pi(command)]
        if self._name == "raspi3b":
            command += ["-dtb", boot / "bcm2837-rpi-3-b.dtb"]
            command[command.index("-serial") + 1] = "null"
            command += ["-serial", f"file:{self.console}"]
        self.began = time.monotonic()
        with (self.card.folder / "qemu.txt").open("wb") as errors:
            words_of = [str(word) for word in command]
            self._process = subprocess.Popen(words_of, stdout=errors, stderr=errors, start_new_session=True)

    def _as_a_pi(self, command: list[str | Path]) -> Path:
        """Return this machine's device tree, with the revision by which libraries tell a Pi (here a Pi 3)."""
        tree = self.card.folder / "virt.dtb"
        dump = [*command, "-machine", f"dumpdtb={tree}"]
        subprocess.run([str(word) for word in dump], check=True, capture_output=True)
        tools.run_tool(["fdtput", "-p", "-t", "x", tree, "/system", "linux,revision", "a02082"])
        return tree

    def cut(self) -> None:
        """Take the plug out: no warning, nothing is written any more."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def since_on(self) -> float:
        """Return for how many seconds it has been on."""
        return time.monotonic() - self.began

    def wait(self, what: str, asked: Callable[[], T | None], seconds: float, pause: float = 0.5) -> T:
        """Ask until there is an answer; TooLate after `seconds`, or when the machine has stopped."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (found := asked()) is not None:
                return found
            if self._process is None or self._process.poll() is not None:
                raise TooLate(f"the machine has stopped, waiting for {what}:\n{self._last_words()}")
            time.sleep(pause)
        raise TooLate(f"{what} did not come within {seconds:.0f} s:\n{self._last_words()}")

    def dig(self, name: str, kind: str = "A") -> str | None:
        """Return the status and the answers (`NOERROR 192.0.2.1`), or None while nobody answers."""
        command = ["dig", "@127.0.0.1", "-p", str(self.ports["dns"]), "+tries=1", "+time=3", "+noedns", name, kind]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        status = re.search(r"status: (\w+)", said)
        if status is None:
            return None
        answers = re.findall(rf"^\S+\s+\d+\s+IN\s+{kind}\s+(\S+)$", said, re.MULTILINE)
        return " ".join([status.group(1), *answers])

    def page(self, path: str = "/") -> str | None:
        """Return a page, or None while nobody serves it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def ssh(self, command: str, key: Path) -> str | None:
        """Run a command on it as its technician; None if nobody lets us in, or it fails."""
        options = [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "ConnectTimeout=15",
            "BatchMode=yes",
        ]
        words = ["ssh", "-q", "-i", str(key), "-p", str(self.ports["ssh"])]
        words += [word for option in options for word in ("-o", option)]
        done = subprocess.run(
            [*words, "root@127.0.0.1", command], capture_output=True, text=True, timeout=120, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def _last_words(self) -> str:
        said = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join(said.splitlines()[-25:])


def raw(image: Path, folder: Path) -> Path:
    """Return an image as a raw file, unpacked if it was packed."""
    if image.suffix == ".img":
        return image
    raw = folder / "card.img"
    disk.decompress_image(image, raw)
    return raw
