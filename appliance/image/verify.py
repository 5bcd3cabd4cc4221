"""Looking into a finished image: what must be there, what must not. Each finding is one line.

The checks know nothing of how the image was built; they read it as a thief or a Pi would. They stand in one list,
each a function of its own, so that none hides behind another.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.image import sbom, tools
from appliance.image.errors import ImageError
from appliance.image.hot_path import check_hot_path, read_compiled, read_release
from appliance.image.layout import make_layout
from appliance.image.lists import NOTICE_NAME
from appliance.image.reader import OpenedImage, read_label
from blocklists.builtin_list import IMAGE_LISTS
from blocklists.errors import ListError
from blocklists.index import open_verified

SERVICES = (
    "hallpass.target",
    "hallpass-settings.service",
    "hallpass-resolver.service",
    "hallpass-recorder.service",
    "hallpass-agent.service",
    "hallpass-web.service",
    "hallpass-grow.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "nftables.service",
)
MASKED = ("serial-getty@.service", "getty@.service")  # nobody signs in at a console: there are no passwords
BOOT_FILES = ("config.txt", "cmdline.txt", "vmlinuz", "initrd.img", "hallpass.toml", "start4.elf", "bootcode.bin")
DEVICE_TREES = ("bcm2837-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb")
OVERLAY_FILES = tuple(
    f"overlays/{name}.dtbo" for name in ("rtc-ds3231", "rtc-pcf8523", "rtc-pcf85063a", "rpi-poe", "rpi-poe-plus")
)
ARCHIVES = ("http://deb.debian.org/", "https://deb.debian.org/")
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_NOT_FOR_CARDS = (
    ("etc/pip.conf", "pip's settings"),
    ("root/.config/pip", "pip's settings"),
    ("root/.pip", "pip's settings"),
    ("etc/apt/apt.conf", "apt's settings of the building machine"),
    ("etc/apt/apt.conf.d/*mmdebstrap*", "apt's settings of the building machine"),
    ("etc/apt/auth.conf.d/*", "a password for an archive"),
    ("usr/local/share/ca-certificates/*", "a certificate authority of the building machine"),
    ("etc/ssh/ssh_host_*", "an SSH host key: every card would have the same one"),
    ("root/.ssh/*", "an SSH key"),
    ("home/*/.ssh/*", "an SSH key"),
    ("root/.*history", "what somebody typed"),
    ("var/lib/systemd/random-seed", "a random seed: every card would have the same one"),
    ("var/lib/systemd/credential.secret", "a secret: every card would have the same one"),
    ("var/lib/dbus/machine-id", "a machine id: every card would have the same one"),
    ("boot/firmware/*", "files that the boot partition hides"),
    ("data/*", "files that the data partition hides"),
)
_NOT_ON_BOOT = ("hallpass.bundle", "hallpass.bundle.taken", "hallpass-problem.txt", "hallpass-status.txt")


def verify_image(image: OpenedImage) -> list[str]:
    """Return everything that is wrong, in the order of the checks; nothing if the image may go out."""
    return [finding for check in CHECKS for finding in check(image)]


def check_partitions(image: OpenedImage) -> Iterator[str]:
    """Four of them, without gaps or overlaps, the data partition last, the two roots of one size."""
    wanted = make_layout().partitions
    if len(image.table) != len(wanted):
        yield f"the card has {len(image.table)} partitions, not {len(wanted)}"
        return
    at = image.table[0].start
    for entry, part, one in zip(image.table, image.parts, wanted, strict=True):
        if entry.kind != one.kind:
            yield f"partition {one.name}: it is of type {entry.kind:x}, not {one.kind:x}"
        if read_label(part) != one.label:
            yield f"partition {one.name}: it is labelled {read_label(part)!r}, not {one.label!r}"
        if entry.start != at:
            yield f"partition {one.name}: it starts at byte {entry.start}, not where the one before it ends"
        at = entry.start + entry.size
    if image.table[1].size != image.table[2].size:
        yield "the two root partitions are not of one size: an update could not take the other one's place"
    if image.size < at:
        yield f"the image ends before its last partition does, {at - image.size} bytes too early"


def check_file_systems(image: OpenedImage) -> Iterator[str]:
    """As the file systems' own checkers say."""
    for part, one in zip(image.parts, make_layout().partitions, strict=False):
        checker = ["fsck.vfat", "-n"] if one.name == "boot" else ["e2fsck", "-f", "-n"]
        try:
            tools.run_tool([*checker, part])
        except ImageError as problem:
            yield f"partition {one.name}: {problem}"


def check_bootable(image: OpenedImage) -> Iterator[str]:
    """Look for firmware, kernel, initramfs, each board's device tree, overlays, and the kernel's modules."""
    for name in (*BOOT_FILES, *DEVICE_TREES, *OVERLAY_FILES):
        if not (image.boot / name).is_file():
            yield f"boot partition: {name} is missing"
    command = image.boot / "cmdline.txt"
    words = command.read_text().split() if command.is_file() else []
    for word in ("root=LABEL=hallpass-root", "ro"):
        if word not in words:
            yield f"boot partition: cmdline.txt does not say {word}"
    modules = [path.name for path in (image.root / "usr/lib/modules").glob("*")]
    if len(modules) != 1:
        yield f"root: there are modules of {len(modules)} kernels, not of one"
    elif (kernel := image.boot / "vmlinuz").is_file() and modules[0].encode() not in kernel.read_bytes():
        yield f"root: the modules are those of {modules[0]}, the kernel is another one"


def check_services_enabled(image: OpenedImage) -> Iterator[str]:
    """Each unit is wanted by something, and points at a unit that is there."""
    system = image.root / "etc/systemd/system"
    wanted = {path.name: path for path in system.glob("*.wants/*")}
    for name in SERVICES:
        if name not in wanted:
            yield f"{name} is not enabled"
            continue
        target = wanted[name].readlink()
        if not (
            image.root / target.relative_to("/") if target.is_absolute() else wanted[name].parent / target
        ).exists():
            yield f"{name} is enabled, but {target} is missing"
    default = image.root / "etc/systemd/system/default.target"
    if default.is_symlink() and default.readlink().name == "graphical.target":
        yield "the card would wait for a screen (graphical.target)"


def check_service_users(image: OpenedImage) -> Iterator[str]:
    """Look for the users that Hallpass's units name: a unit without its user does not start."""
    passwd = image.root / "etc/passwd"
    there = {line.partition(":")[0] for line in passwd.read_text().splitlines()} if passwd.is_file() else set()
    for unit in sorted((image.root / "etc/systemd/system").glob("hallpass-*.service")):
        for user in re.findall(r"^User=(\S+)$", unit.read_text(), re.MULTILINE):
            if user not in there:
                yield f"{unit.name} runs as {user}, who does not exist"


def check_passwords(image: OpenedImage) -> Iterator[str]:
    """Root is locked, and so is everybody else."""
    shadow = image.root / "etc/shadow"
    if not shadow.is_file():
        yield "root: etc/shadow is missing"
        return
    for line in shadow.read_text().splitlines():
        name, password, *_ = line.split(":")
        if not password.startswith(("!", "*")):
            yield f"{name} {'needs no' if not password else 'has a'} password"


def check_consoles(image: OpenedImage) -> Iterator[str]:
    """No console asks who is there: nobody has a password, and a line of noise on a pin must not type one."""
    for unit in MASKED:
        path = image.root / "etc/systemd/system" / unit
        if not path.is_symlink() or str(path.readlink()) != "/dev/null":
            yield f"{unit} is not masked: a console would ask for a password"


def check_machine_traces(image: OpenedImage) -> Iterator[str]:
    """No keys, ids, settings of the machine that built it, no room's enrolment."""
    for pattern, what in _NOT_FOR_CARDS:
        for path in sorted(image.root.glob(pattern)):
            yield f"{path.relative_to(image.root)}: {what}"
    identity = image.root / "etc/machine-id"
    if identity.is_file() and identity.read_text().strip() not in {"", "uninitialized"}:
        yield "etc/machine-id: a machine id: every card would have the same one"
    for name in _NOT_ON_BOOT:
        if (image.boot / name).exists():
            yield f"boot partition: {name} belongs to one room"


def check_private_keys(image: OpenedImage) -> Iterator[str]:
    """Wherever a card could carry one: settings, Hallpass's own folder, home folders, the boot partition."""
    for folder in (
        image.root / "etc",
        image.root / "opt",
        image.root / "root",
        image.root / "home",
        image.root / "var",
        image.boot,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1_000_000:
                continue
            if path.suffix not in {".py", ".pyc", ".so"} and _PRIVATE_KEY.search(path.read_bytes()):
                yield f"{_within(image, path)}: a private key"


def check_package_sources(image: OpenedImage) -> Iterator[str]:
    """Where the card says that its packages come from; a nearer mirror is the building machine's business."""
    apt = image.root / "etc/apt"
    for path in sorted([apt / "sources.list", *apt.glob("sources.list.d/*")]):
        if not path.is_file():
            continue
        for where in re.findall(r"https?://\S+|\w+:/\S+", "\n".join(_without_comments(path))):
            if not where.startswith(ARCHIVES):
                yield f"{path.relative_to(image.root)}: {where} is not Debian's archive"
    for path in sorted([apt / "apt.conf", *apt.glob("apt.conf.d/*")]):
        if path.is_file() and re.search(r"Acquire::\S*Proxy", path.read_text(errors="replace"), re.IGNORECASE):
            yield f"{path.relative_to(image.root)}: a proxy of the building machine"


def check_versions(image: OpenedImage) -> Iterator[str]:
    """Compare what the card calls itself with the Hallpass that it runs."""
    said = read_release(image)
    there = [package.version for package in sbom.read_python_packages(image.root) if package.name == "hallpass"]
    if not there:
        yield "opt/hallpass: Hallpass is not installed"
    elif there != [said]:
        yield f"etc/hallpass-release says version {said or 'nothing'}, installed is {', '.join(there)}"
    if not (image.root / "opt/hallpass/bin/hallpass").is_file():
        yield "opt/hallpass/bin/hallpass is missing"
    link = image.root / "usr/local/bin/hallpass"
    if not link.is_symlink() or str(link.readlink()) != "/opt/hallpass/bin/hallpass":
        yield "usr/local/bin/hallpass: the command is not where a shell finds it"


def check_lists(image: OpenedImage) -> Iterator[str]:
    """Read the lists that the image brings, where it brings any, and look for whom they come from."""
    folder = image.root / IMAGE_LISTS.relative_to("/")
    if not folder.exists():
        return
    try:
        open_verified(folder)
    except ListError as problem:
        yield f"the lists that the image brings: {problem}"
        return
    if not (folder / NOTICE_NAME).is_file():
        yield f"{_within(image, folder)}: nothing says whose work the lists are"


CHECKS: tuple[Callable[[OpenedImage], Iterator[str]], ...] = (
    check_partitions,
    check_file_systems,
    check_bootable,
    check_services_enabled,
    check_service_users,
    check_passwords,
    check_consoles,
    check_machine_traces,
    check_private_keys,
    check_package_sources,
    check_versions,
    check_lists,
    check_hot_path,
)


def read_versions(image: OpenedImage) -> dict[str, str]:
    """Return the versions that a person asks for first."""
    wanted = {"python3", "systemd", "raspi-firmware", "nftables", "openssh-server"}
    kernel = [path.name for path in (image.root / "usr/lib/modules").glob("*")]
    debian = {
        package.name: package.version
        for package in sbom.read_debian_packages(image.root)
        if package.name in wanted
    }
    hot_path = "compiled" if read_compiled(image) else "interpreted"
    return {
        "hallpass": f"{read_release(image)} ({hot_path})",
        "linux": ", ".join(kernel),
        **dict(sorted(debian.items())),
    }


def _without_comments(path: Path) -> Iterator[str]:
    return (line for line in path.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#"))


def _within(image: OpenedImage, path: Path) -> str:
    if path.is_relative_to(image.boot):
        return f"boot partition: {path.relative_to(image.boot)}"
    return str(path.relative_to(image.root))
