"""Our own wheel with its hot path compiled for the card (docs/adr/0032), in a root of its own.

That root is the card's suite of Debian, for the machine that builds. So mypyc runs at full speed, under the card's
version of Python, and the suite's own cross compiler makes the card's machine code of the C that mypyc writes.
Nothing of either depends on what the building machine has installed, and nothing of the root goes on the card but
the wheel. Its packages are unpacked and not configured: no program in it needs to be.

Does not fall back to the wheel that is interpreted: whoever builds asks for that one (`--interpreted`).
"""

import hashlib
import platform
import shutil
import tomllib
import zipfile
from pathlib import Path

from appliance.image import root as roots
from appliance.image import tools, wheels
from appliance.image.base import keep_newest, unpack_packages
from appliance.image.errors import ImageError
from appliance.image.recipe import BUILDERS, Recipe

_BESIDE = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")  # what the wheel's making reads of a clone
_TOOLS = Path("opt/compiler")
_TARGET = "aarch64-linux-gnu"
_SUFFIX = f".cpython-313-{_TARGET}.so"
_MACHINE = (183).to_bytes(2, "little")  # EM_AARCH64, in an ELF file's e_machine
_DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
# Debian's way to build a Python extension for another machine: the sysconfig of its Python, and its name.
_CROSS = {
    "_PYTHON_SYSCONFIGDATA_NAME": f"_sysconfigdata__{_TARGET}",
    "_PYTHON_HOST_PLATFORM": "linux-aarch64",
    "HATCH_BUILD_HOOKS_ENABLE": "1",
    "PYTHONPATH": f"/{_TOOLS}",
}
_BUILD = ("env", "--chdir=/src", "python3", "-m", "hatchling", "build", "--target=wheel", "--directory=/wheel")


def require_builder(machine: str = "") -> str:
    """Return this kind of machine; ImageError where nothing can be compiled for the card on it."""
    machine = machine or platform.machine()
    if machine not in BUILDERS:
        raise ImageError(
            f"the hot path is compiled on {' or '.join(BUILDERS)}, this machine is {machine}; "
            "--interpreted builds the card without"
        )
    return machine


def build_compiler(
    recipe: Recipe, cache: Path, sources: tuple[str, ...], *, work: Path, log: Path, network: dict[str, str]
) -> Path:
    """Return the tar of the compiler's root, made now if the cache holds none for this recipe."""
    machine = require_builder()
    lock = recipe.compiler_lock(machine)
    steering = "\n".join([machine, *recipe.compiler_packages, *sources, lock.read_text()])
    tar = cache / f"compiler-{hashlib.sha256(steering.encode()).hexdigest()[:16]}.tar"
    if tar.exists():
        return tar
    debian, root = work / "debian.tar", work / "compiler"
    architectures = ",".join(dict.fromkeys((_DEBIAN[machine], "arm64")))
    kind = (f"--architectures={architectures}", "--variant=extract")
    unpack_packages(recipe.compiler_packages, sources, debian, log, *kind)
    roots.unpack_base(debian, root)
    debian.unlink()
    fetched = wheels.fetch_wheels(lock, cache / "compiler-wheels", log, network, machine)
    wheels.install_wheels(fetched, ["--require-hashes", "-r", lock], root / _TOOLS, log, machine)
    tools.run_tool(["tar", "--numeric-owner", "-C", root, "-cf", tar.with_suffix(".unfinished"), "."])
    keep_newest(tar.with_suffix(".unfinished"), tar)
    shutil.rmtree(root)
    return tar


def build_compiled_wheel(recipe: Recipe, compiler: Path, folder: Path, *, work: Path, log: Path) -> Path:
    """Return the folder with our own wheel, compiled: the same bytes for the same source, time and compiler."""
    root = work / "compiler"
    roots.unpack_base(compiler, root)
    _copy_source(recipe.project, root / "src")
    for name in ("proc", "tmp", "wheel"):
        (root / name).mkdir(exist_ok=True)
    try:
        roots.run_in_root(recipe, root, _BUILD, log, more=_CROSS)
    except ImageError as problem:
        raise ImageError(
            f"the hot path could not be compiled for the card: {problem}; --interpreted builds the card without"
        ) from problem
    made = sorted((root / "wheel").glob("*.whl"))
    if len(made) != 1:
        raise ImageError(f"{len(made)} wheels were made for the card, not one (everything it said: {log})")
    check_wheel(made[0], read_modules(recipe.project))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.move(made[0], folder / made[0].name)
    shutil.rmtree(root)
    return folder


def read_modules(project: Path) -> tuple[str, ...]:
    """Return the modules that a compiled wheel holds as machine code, as pyproject.toml names them."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())
    return tuple(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"])


def check_wheel(wheel: Path, modules: tuple[str, ...]) -> None:
    """Raise ImageError unless every module is there as the card's machine code, and nothing else is compiled."""
    wanted = {f"{module.replace('.', '/')}{_SUFFIX}" for module in modules} | {f"hallpass__mypyc{_SUFFIX}"}
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name)[18:20] for name in archive.namelist() if name.endswith(".so")}
    wrong = [f"{name} is missing" for name in sorted(wanted - found.keys())]
    wrong += [f"{name} was not expected" for name in sorted(found.keys() - wanted)]
    wrong += [f"{name} is another machine's" for name in sorted(found) if found[name] != _MACHINE]
    if wrong:
        raise ImageError(f"{wheel.name} is not what the card needs: {'; '.join(wrong)}")


def _copy_source(project: Path, target: Path) -> None:
    """Copy what the wheel is made of, without what running it left behind."""
    target.mkdir()
    for name in _BESIDE:
        shutil.copy(project / name, target / name)
    for name in roots.OWN:
        shutil.copytree(project / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
