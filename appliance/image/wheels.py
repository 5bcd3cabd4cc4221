"""The Python packages of the card: our own wheel, built here, and those of wheels.lock, each with its hash."""

import shutil
from pathlib import Path

from appliance.image import tools
from appliance.image.recipe import Recipe, read_lock

GLIBC_MINOR = 41  # trixie's glibc is 2.41; a wheel built for an older one runs as well
CARD = "aarch64"

_COMMANDS = "../../bin/"  # where RECORD says that they lie


def fetch_wheels(lock: Path, folder: Path, log: Path, env: dict[str, str], machine: str = CARD) -> Path:
    """Return a folder with exactly the wheels of a lock; pip refuses any whose hash differs."""
    folder.mkdir(parents=True, exist_ok=True)
    locked = {wheel.file for wheel in read_lock(lock)}
    for file in folder.iterdir():
        if file.name not in locked:
            file.unlink()
    wanted: list[str | Path] = ["--dest", folder, "--find-links", folder, "--require-hashes", "-r", lock]
    tools.run_tool([*_pip("download"), *_for_machine(machine), *wanted], log=log, env=env)
    return folder


def build_own_wheel(recipe: Recipe, folder: Path, log: Path, env: dict[str, str]) -> Path:
    """Build our own wheel as it runs everywhere, interpreted: the same bytes for the same source and time."""
    folder.mkdir(parents=True, exist_ok=True)
    dated = env | {"SOURCE_DATE_EPOCH": str(recipe.epoch), "HATCH_BUILD_NO_HOOKS": "1"}
    tools.run_tool([*_pip("wheel"), "--no-deps", "--wheel-dir", folder, recipe.project], log=log, env=dated)
    return folder


def install_wheels(found: Path, wanted: list[str | Path], target: Path, log: Path, machine: str = CARD) -> None:
    """Unpack wheels of the folder `found` into the libraries of a root, offline, without that root's Python.

    pip knows how to install for another machine; doing it there, under emulation, takes minutes. The commands that
    the wheels bring would name this machine's Python and are left out: the card has one command (`root.py`).
    """
    offline = [
        *_pip("install"),
        "--no-index",
        "--no-compile",
        "--no-cache-dir",
        "--root-user-action=ignore",
        "--quiet",
    ]
    offline += ["--find-links", found, "--target", target, *_for_machine(machine)]
    offline += ["--ignore-requires-python"]  # pip would ask this machine's; the lock was written for the card's
    tools.run_tool([*offline, *wanted], log=log)
    shutil.rmtree(target / "bin", ignore_errors=True)
    for record in target.glob("*.dist-info/RECORD"):
        # Their digests are of scripts with this machine's Python in the first line: of where the build ran.
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith(_COMMANDS)))


def _for_machine(machine: str) -> list[str | Path]:
    """Return what lets pip choose wheels for trixie's Python on a kind of machine, whichever runs pip."""
    return [
        *(f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, GLIBC_MINOR + 1)),
        f"--platform=manylinux2014_{machine}",
        f"--platform=linux_{machine}",  # our own, which is built upon trixie itself
        "--implementation=cp",
        "--python-version=313",
        "--abi=cp313",
        "--abi=abi3",
        "--abi=none",
        "--only-binary=:all:",
        "--no-deps",
    ]


def _pip(command: str) -> list[str | Path]:
    return [tools.python_executable(), "-m", "pip", "--disable-pip-version-check", command]
