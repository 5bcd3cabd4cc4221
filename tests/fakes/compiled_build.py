"""The compiled hot path (hatch_build.py), built once for each state of its sources, in a folder of its own.

`environment` lets a process find `dns` there and everything else where it always is. `python -m
tests.fakes.compiled_build` prints the folder, for who wants to run something else with it (`make bench` does).
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILDS = ROOT / ".build" / "compiled"
KEPT_BUILDS = 6  # a few states of the sources, for each Python of this machine

_TOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
HOOK = _TOOLS["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
MODULES: list[str] = HOOK["modules"]


def compiled_folder() -> Path:
    """Return the folder of what is compiled of these sources; some 40 s of processor time if there is none yet."""
    BUILDS.mkdir(parents=True, exist_ok=True)
    folder = BUILDS / _fingerprint()
    with (BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            folder.touch()
        else:
            _build(folder)
            builds = sorted(BUILDS.glob("[0-9a-f]*"), key=lambda one: one.stat().st_mtime)
            for old in builds[:-KEPT_BUILDS]:
                shutil.rmtree(old)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which Python takes `dns` from a folder, wherever it is started."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return plain | {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for file in (ROOT / "hatch_build.py", *sorted((ROOT / "dns").rglob("*.py"))):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    around = (HOOK, _TOOLS["mypy"], metadata.version("mypy"), sys.version, platform.machine())
    digest.update(json.dumps(around).encode())
    return digest.hexdigest()[:16]


def build_wheel(folder: Path, **switches: str) -> None:
    """Build the wheel into a folder, with what is installed here and with these variables of the environment."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("HATCH_")}
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    subprocess.run(
        (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", *options, str(ROOT)),
        check=True,
        env=plain | switches,
        stdout=subprocess.DEVNULL,
        timeout=900,
    )


def _build(folder: Path) -> None:
    """Build the wheel as `make wheel` does, and take `dns` out of it."""
    with tempfile.TemporaryDirectory(dir=BUILDS, prefix="wheel-") as made:
        build_wheel(Path(made), HATCH_BUILD_HOOKS_ENABLE="1")
        (wheel,) = Path(made).glob("*.whl")
        unpacked = Path(made) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(("dns/", "hallpass__mypyc."))]
            archive.extractall(unpacked, names)
        unpacked.rename(folder)


if __name__ == "__main__":
    sys.stdout.write(f"{compiled_folder()}\n")
