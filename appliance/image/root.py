"""The root file system: the base, Hallpass in its own virtual environment, the recipe's tree over both.

Whatever runs in the card's root runs without a network and with nothing of the building machine's environment, so
that neither can leave a trace. What a first boot must make for itself (keys, the machine's id) is taken out again.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.completion import completion_script
from appliance.image import device_trees, filesystems, tools, wheels
from appliance.image.base import keep_newest
from appliance.image.errors import ImageError
from appliance.image.recipe import Recipe

VENV = Path("opt/hallpass")
RELEASE = Path("etc/hallpass-release")
LINK = Path("usr/local/bin/hallpass")
MANUAL = Path("usr/local/share/man/man1")
COMPLETION = Path("usr/lib/hallpass/completion.bash")  # read by etc/profile.d/hallpass.sh
PYTHON = "python3.13"
_COMMAND = f"#!/{VENV}/bin/python\nfrom appliance.entrance import main\n\nmain()\n"
_LIBRARIES = VENV / f"lib/{PYTHON}/site-packages"
OWN = ("appliance", "blocklists", "dns", "hardware", "webui")
# By hash, unchecked: the times of files are not those that Python would note, and nothing on the card changes.
_COMPILE = ("python3", "-m", "compileall", "-q", "-f", "-j2", "--invalidation-mode=unchecked-hash")
# What no service imports: the rest is compiled a second time, as PYTHONOPTIMIZE=2 wants it (ADR 0031).
NOT_FOR_SERVICES = re.compile(
    r"/(test|tests|_pyrepl|idlelib|lib2to3|pydoc_data|ensurepip|tkinter|turtledemo|unittest|venv|config-[^/]*|pip"
    r"|setuptools|pkg_resources|pygments|sqlalchemy|alembic|mako|psycopg)/"
)
_SELDOM = r"/(pip|setuptools|pkg_resources|_distutils_hack|pygments|sqlalchemy|alembic|mako|psycopg|docs?|tests?)/"
_IMPORTS = (
    "import os; os.environ['RPI_LGPIO_REVISION'] = 'c03111'  # a Pi 4's: this machine has none to read",
    "import RPi.GPIO, lgpio, gpiozero",
    "import marisa_trie, ahocorasick, msgspec, sqlcipher3, cryptography.fernet, argon2, httpx, h2",
    "import gunicorn, flask",
    "import appliance, blocklists, dns, hardware, webui",
    "assert hasattr(lgpio, 'gpiochip_open'), 'lgpio is an empty placeholder'",
)
_IS_COMPILED = "import {name}; assert {name}.__file__.endswith('.so'), '{name} is not compiled'"
_EMPTIED = ("var/log", "var/cache", "var/tmp", "tmp", "run", "var/lib/apt/lists", "var/lib/systemd", "boot", "dev")
_REMOVED = (
    "etc/ssh/ssh_host_*",
    "etc/hostname",
    "etc/apt/apt.conf.d/99mmdebstrap",  # what mmdebstrap was told
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/apt/sources.list",  # the building machine's mirror; root/ brings debian.sources
    "etc/.pwd.lock",
    "etc/*-",
    "var/lib/dpkg/*-old",
    "usr/lib/modules/*/dtb",  # lie on the boot partition, as does the kernel
    "usr/lib/modules/*/vmlinuz",
    "usr/lib/raspi-firmware",
    "var/lib/dbus/machine-id",
)


def unpack_base(base: Path, root: Path) -> None:
    """Lay out the base, as root, every file with its owner."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    tools.run_tool(["tar", "--numeric-owner", "--xattrs", "-C", root, "-xpf", base])


def build_libraries(
    recipe: Recipe, base: Path, cache: Path, *, work: Path, log: Path, network: dict[str, str]
) -> Path:
    """Return a tar of the virtual environment with all wheels but our own, compiled; made if there is none yet."""
    steering = recipe.lock.read_bytes() + base.name.encode() + Path(wheels.__file__).read_bytes()
    key = hashlib.sha256(steering).hexdigest()[:16]
    tar = cache / f"libraries-{key}.tar"
    if tar.exists():
        return tar
    root = work / "libraries"
    unpack_base(base, root)
    fetched = wheels.fetch_wheels(recipe.lock, cache / "wheels", log, network)
    run_in_root(recipe, root, ["python3", "-m", "venv", "--without-pip", "--symlinks", f"/{VENV}"], log)
    wheels.install_wheels(fetched, ["--require-hashes", "-r", recipe.lock], root / _LIBRARIES, log)
    run_in_root(recipe, root, [*_COMPILE, "-x", _SELDOM, f"/{_LIBRARIES}"], log)
    tools.run_tool(["tar", "-C", root, "-cf", tar.with_suffix(".unfinished"), VENV])
    keep_newest(tar.with_suffix(".unfinished"), tar)
    shutil.rmtree(root)
    return tar


def install_hallpass(
    recipe: Recipe, root: Path, environment: Path, own: Path, log: Path, *, compiled: Sequence[str] = ()
) -> None:
    """Lay out the virtual environment, add our own wheel, and import what needs the card's libraries.

    Fails unless the modules named by `compiled` are what the card's Python takes for those names as machine code.
    """
    tools.run_tool(["tar", "-C", root, "-xpf", environment])
    wheels.install_wheels(own, [f"hallpass=={recipe.version}"], root / _LIBRARIES, log)
    command = root / VENV / "bin/hallpass"
    command.write_text(_COMMAND)
    command.chmod(0o755)
    run_in_root(recipe, root, [*_COMPILE, *(f"/{_LIBRARIES}/{name}" for name in OWN)], log)
    check = (_IS_COMPILED.format(name=name) for name in compiled)
    run_in_root(recipe, root, [f"/{VENV}/bin/python", "-c", "\n".join([*_IMPORTS, *check])], log)
    install_for_technicians(recipe, root, log)


def compile_for_services(recipe: Recipe, root: Path, log: Path) -> None:
    """Compile Python's library and all packages as the services take them: without docstrings and asserts."""
    libraries = (f"/usr/lib/{PYTHON}", f"/{_LIBRARIES}")
    run_in_root(recipe, root, [*_COMPILE, "-o", "2", "-x", NOT_FOR_SERVICES.pattern, *libraries], log)


def install_for_technicians(recipe: Recipe, root: Path, log: Path) -> None:
    """Put the command where a shell finds it, and beside it its manual pages and what completes it."""
    link = root / LINK
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"/{VENV}/bin/hallpass")
    run_in_root(recipe, root, [f"/{LINK}", "manual", f"/{MANUAL}"], log)
    script = root / COMPLETION
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(completion_script("bash"))


def apply_overlay(recipe: Recipe, root: Path, compiled: Sequence[str] = ()) -> None:
    """Lay the recipe's tree over the root, owned by root, and say what this card is."""
    for source in sorted(recipe.root.rglob("*")):
        target = root / source.relative_to(recipe.root)
        if source.is_dir() and not source.is_symlink():
            target.mkdir(exist_ok=True)
            continue
        target.unlink(missing_ok=True)
        _copy_file(source, target)
        if not source.is_symlink():
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        os.chown(target, 0, 0, follow_symlinks=False)
    (root / RELEASE).write_text(
        f"HALLPASS_VERSION={recipe.version}\nHALLPASS_EPOCH={recipe.epoch}\nHALLPASS_COMPILED={len(compiled)}\n"
    )
    for folder in ("boot/firmware", "data"):
        (root / folder).mkdir(parents=True, exist_ok=True)


def configure_services(recipe: Recipe, root: Path, log: Path) -> None:
    """Make the users, enable what the presets name and nothing else."""
    run_in_root(recipe, root, ["systemd-sysusers"], log)
    run_in_root(recipe, root, ["systemctl", "preset-all"], log)
    # Enabling networkd enables it too, whatever the preset says.
    run_in_root(recipe, root, ["systemctl", "disable", "systemd-networkd-wait-online.service"], log)
    for library in root.glob("usr/lib/python3*"):
        for compiled in library.rglob("*.pyc"):
            _mark_unchecked(compiled)


def copy_boot(recipe: Recipe, root: Path, boot: Path) -> None:
    """Lay out the boot partition: firmware, device trees, kernel and initramfs, the recipe's own files."""
    shutil.rmtree(boot, ignore_errors=True)
    firmware = root / "boot/firmware"
    shutil.copytree(
        firmware,
        boot,
        ignore=shutil.ignore_patterns("vmlinuz-*", "initrd.img-*", "*_x.*", "*_db.*", "*4x.*", "*4db.*"),
    )
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy2(_find_one(root / "boot", f"{name}-*"), boot / name)
    for source in recipe.boot.iterdir():
        _copy_file(source, boot / source.name)
    device_trees.compile_each_overlay(recipe, boot)
    filesystems.clamp_times(boot, recipe.epoch)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file of the recipe without its time: that says when it was checked out."""
    shutil.copy(source, target, follow_symlinks=False)


def clean_root(recipe: Recipe, root: Path) -> None:
    """Take out what belongs to one machine, or to this build alone; then let no file be later than the recipe."""
    for folder in _EMPTIED:
        for path in (root / folder).iterdir():
            _remove(path)
    for pattern in _REMOVED:
        for path in root.glob(pattern):
            _remove(path)
    (root / "boot/firmware").mkdir()
    (root / "etc/machine-id").write_text("")
    _set_password_days(root / "etc/shadow", recipe.epoch)
    filesystems.clamp_times(root, recipe.epoch)


def run_in_root(
    recipe: Recipe, root: Path, command: Sequence[str], log: Path, more: Mapping[str, str] | None = None
) -> None:
    """Run a program of a root in that root, without a network; `more` joins the environment that all have."""
    env = {"SOURCE_DATE_EPOCH": str(recipe.epoch), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"} | dict(more or {})
    apart = ["unshare", "--net", "--pid", "--fork", f"--mount-proc={root / 'proc'}"]
    tools.run_tool([*apart, "chroot", root, *command], log=log, env=env)


def _find_one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ImageError(f"one {pattern} was expected in the card's /boot, there are {len(found)}")
    return found[0]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _set_password_days(shadow: Path, epoch: int) -> None:
    """Passwords (all of them locked) were last changed on the day of the recipe."""
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([*line[:2], str(epoch // 86400), *line[3:]]) + "\n" for line in lines))


def _mark_unchecked(compiled: Path) -> None:
    """Let Python take a compiled file of Debian's without comparing times (PEP 552: flags 1)."""
    content = compiled.read_bytes()
    compiled.write_bytes(content[:4] + (1).to_bytes(4, "little") + bytes(8) + content[16:])
