"""A small card: the same layout with little in it, made by the same functions, without root and in a second."""

from collections.abc import Callable
from pathlib import Path

from appliance.image import disk, filesystems
from appliance.image.layout import MIB, Layout, make_layout
from appliance.image.verify import BOOT_FILES, DEVICE_TREES, MASKED, OVERLAY_FILES, SERVICES

EPOCH = 1_790_000_000
KERNEL = "7.3.4+deb13-arm64"
SMALL = make_layout(boot=40 * MIB, root=16 * MIB, data=64 * MIB)
SHADOW = "root:*:20000:0:99999:7:::\nhallpass-web:!*:20000::::::\n"
STATUS = """\
Package: systemd
Status: install ok installed
Architecture: arm64
Version: 257.13-1~deb13u1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


class Trees:
    """What lies on the root and the boot partition, to be spoilt by a test before it is made into an image."""

    def __init__(self, folder: Path) -> None:
        self.root, self.boot = folder / "root", folder / "boot"
        self.write("etc/shadow", SHADOW)
        self.write(
            "etc/passwd", "root:x:0:0::/root:/bin/sh\nhallpass-web:x:965:960::/nonexistent:/usr/sbin/nologin\n"
        )
        self.write("etc/machine-id", "")
        self.write("etc/hallpass-release", f"HALLPASS_VERSION=1.2.3\nHALLPASS_EPOCH={EPOCH}\n")
        self.write(
            "etc/apt/sources.list.d/debian.sources",
            "# a mirror: http://mirror.example.org/\nURIs: http://deb.debian.org/debian\n",
        )
        self.write("var/lib/dpkg/status", STATUS)
        self.write(f"usr/lib/modules/{KERNEL}/modules.dep", "")
        self.write("opt/hallpass/bin/hallpass", "#!/opt/hallpass/bin/python\n")
        site = "opt/hallpass/lib/python3.13/site-packages"
        self.write(
            f"{site}/hallpass-1.2.3.dist-info/METADATA",
            "Name: hallpass\nVersion: 1.2.3\nLicense-Expression: MIT\n",
        )
        self.write(f"{site}/ssh.py", "PEM = '-----BEGIN OPENSSH PRIVATE KEY-----'\n")
        (self.root / "usr/local/bin").mkdir(parents=True)
        (self.root / "usr/local/bin/hallpass").symlink_to("/opt/hallpass/bin/hallpass")
        (self.root / "etc/systemd/system").mkdir(parents=True)
        for name in MASKED:
            (self.root / "etc/systemd/system" / name).symlink_to("/dev/null")
        for name in SERVICES:
            self.write(f"etc/systemd/system/{name}", "[Service]\nUser=hallpass-web\n" if "web" in name else "")
            wants = self.root / "etc/systemd/system/multi-user.target.wants"
            wants.mkdir(parents=True, exist_ok=True)
            (wants / name).symlink_to(f"/etc/systemd/system/{name}")
        for name in (*BOOT_FILES, *DEVICE_TREES, *OVERLAY_FILES):
            self.write(name, name, self.boot)
        self.write("vmlinuz", f"Linux version {KERNEL}", self.boot)
        self.write("cmdline.txt", "console=tty0 root=LABEL=hallpass-root ro rootwait\n", self.boot)
        self.write("overlays/README.md", "an empty folder would say nothing of folders", self.boot)

    def write(self, name: str, text: str, tree: Path | None = None) -> None:
        path = (tree or self.root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def make(
    trees: Trees, folder: Path, plan: Layout = SMALL, spoil: Callable[[dict[str, Path]], None] | None = None
) -> Path:
    """Make an image of the trees; `spoil` may first harm the file systems (by partition name)."""
    folder.mkdir(parents=True, exist_ok=True)
    filesystems.clamp_times(trees.root, EPOCH)
    filesystems.clamp_times(trees.boot, EPOCH)
    parts = {one.name: folder / f"{one.name}.fs" for one in plan.partitions}
    filesystems.make_fat(plan.boot, trees.boot, parts["boot"], EPOCH)
    filesystems.make_ext4(plan.root, trees.root, parts["root"], EPOCH)
    filesystems.make_ext4(plan.spare, None, parts["spare"], EPOCH)
    filesystems.make_ext4(plan.data, None, parts["data"], EPOCH, grows=True)
    if spoil is not None:
        spoil(parts)
    image = folder / "hallpass-1.2.3-arm64.img"
    disk.compose_image(plan, parts, image)
    return image
