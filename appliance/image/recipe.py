"""The recipe of the card: the folder `image-build` of a clone, read and checked whole before anything is built."""

import hashlib
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from appliance.image.errors import ImageError

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
_WHEEL = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) --hash=sha256:[0-9a-f]{64}  # (?P<file>\S+\.whl)")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+(:[a-z0-9]+)?(/[a-z-]+)?")
BUILDERS = ("x86_64", "aarch64")  # the kinds of machine that can compile for the card, as Linux names them

# What of the tree is laid down before the packages are installed: it steers how.
DPKG = Path("etc/dpkg/dpkg.cfg.d/hallpass")
INITRAMFS = Path("etc/initramfs-tools")


class Wheel(msgspec.Struct, frozen=True):
    """One line of wheels.lock."""

    name: str
    version: str
    file: str


class Recipe(msgspec.Struct, frozen=True):
    """What a card is made of, and when: the time that every file of it bears."""

    folder: Path
    version: str
    packages: tuple[str, ...]
    wheels: tuple[Wheel, ...]
    epoch: int
    compiler_packages: tuple[str, ...] = ()  # of the root in which the hot path is compiled, not of the card

    @property
    def project(self) -> Path:
        """Return the folder of the source itself, of which our wheel is built."""
        return self.folder.parent

    @property
    def root(self) -> Path:
        """Return the tree that is laid over the root file system."""
        return self.folder / "root"

    @property
    def boot(self) -> Path:
        """Return the files that go onto the boot partition as they are."""
        return self.folder / "boot"

    @property
    def overlay_sources(self) -> Path:
        """Return the sources of the device trees' overlays."""
        return self.folder / "overlays"

    @property
    def lock(self) -> Path:
        """Return the file that names the wheels."""
        return self.folder / "wheels.lock"

    def compiler_lock(self, machine: str) -> Path:
        """Return the file that names the wheels that compile the hot path, on a kind of machine that builds."""
        return self.folder / "compiler" / f"{machine}.lock"

    def sources(self, mirror: str = MIRROR, security: str = SECURITY) -> tuple[str, ...]:
        """Return where Debian's packages come from, in apt's words."""
        parts = "main non-free-firmware"
        suites = [(mirror, SUITE), (mirror, f"{SUITE}-updates"), (mirror, f"{SUITE}-backports")]
        return tuple(f"deb {where} {suite} {parts}" for where, suite in [*suites, (security, f"{SUITE}-security")])

    def base_key(self, sources: tuple[str, ...]) -> str:
        """Return a name for the base root: another one whenever what steers its making changed."""
        steering = [self.root / DPKG, *sorted(one for one in (self.root / INITRAMFS).rglob("*") if one.is_file())]
        text = "\n".join([*self.packages, *sources, *(f"{path.name} {path.read_text()}" for path in steering)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_recipe(folder: Path, environment: Mapping[str, str] = os.environ) -> Recipe:
    """Read the recipe; ImageError names every line that is none."""
    lists = ("packages.txt", "compiler/packages.txt")
    locks = ("wheels.lock", *(f"compiler/{machine}.lock" for machine in BUILDERS))
    try:
        project = tomllib.loads((folder.parent / "pyproject.toml").read_text())["project"]
        read = {name: list(_read_lines(folder / name, comment=" #")) for name in lists}
        read |= {name: list(_read_lines(folder / name, comment="")) for name in locks}
    except OSError as problem:
        raise ImageError(f"{problem.filename}: {problem.strerror}; is this a clone of Hallpass?") from problem
    patterns = dict.fromkeys(lists, _PACKAGE) | dict.fromkeys(locks, _WHEEL)
    wrong = [f"{name}: {line!r}" for name in read for line in read[name] if not patterns[name].fullmatch(line)]
    if wrong:
        raise ImageError(f"the recipe cannot be read: {'; '.join(wrong)}")
    return Recipe(
        folder=folder,
        version=project["version"],
        packages=tuple(read["packages.txt"]),
        wheels=read_lock(folder / "wheels.lock"),
        epoch=_read_epoch(folder, environment),
        compiler_packages=tuple(read["compiler/packages.txt"]),
    )


def read_lock(path: Path) -> tuple[Wheel, ...]:
    """Return the wheels that a lock names; `read_recipe` has looked at every line."""
    found = map(_WHEEL.fullmatch, _read_lines(path, comment=""))
    return tuple(Wheel(**match.groupdict()) for match in found if match is not None)


def _read_lines(path: Path, comment: str) -> Iterator[str]:
    for line in path.read_text().splitlines():
        wanted = line.partition(comment)[0].strip() if comment else line.strip()
        if wanted and not wanted.startswith("#"):
            yield wanted


def _read_epoch(folder: Path, environment: Mapping[str, str]) -> int:
    """Return SOURCE_DATE_EPOCH, or the time of the last commit."""
    given = environment.get("SOURCE_DATE_EPOCH", "")
    if not given:
        git = ["git", "-C", str(folder), "log", "-1", "--format=%ct"]
        given = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    if not given.isdigit():
        raise ImageError(
            "set SOURCE_DATE_EPOCH to the time that the image's files shall bear (seconds since 1970)"
        )
    return int(given)
