"""A sound image passes; each fault planted in one is found, and named in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.image import disk
from appliance.image.layout import MIB, make_layout
from appliance.image.reader import open_image
from appliance.image.verify import read_versions, verify_image
from blocklists import builtin_list
from tests.appliance.image.factories import KERNEL, SHADOW, Trees, make

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nMDEyMw==\n-----END OPENSSH PRIVATE KEY-----\n"


def found_in(image: Path) -> list[str]:
    with open_image(image) as inside:
        return verify_image(inside)


def test_a_sound_image_passes_and_says_its_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = make(Trees(tmp_path / "trees"), tmp_path / "made")
    with open_image(image) as inside:
        assert verify_image(inside) == []
        assert read_versions(inside) == {
            "hallpass": "1.2.3 (interpreted)",
            "linux": KERNEL,
            "systemd": "257.13-1~deb13u1",
        }
    with pytest.raises(SystemExit) as left:
        main(["image", "verify", str(image)])
    assert left.value.code == 0
    assert f"hallpass 1.2.3 (interpreted), linux {KERNEL}" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["xz", "zstd"])
def test_a_packed_image_is_looked_into_as_well(how: str, tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees")
    trees.write("etc/ssh/ssh_host_ed25519_key", "x")
    assert found_in(disk.compress_image(make(trees, tmp_path / "made"), how)) == [
        "etc/ssh/ssh_host_ed25519_key: an SSH host key: every card would have the same one"
    ]


FAULTS: dict[str, tuple[Callable[[Trees], object], str]] = {
    "damaged lists": (
        lambda t: (t.root / "usr/share/hallpass/lists").mkdir(parents=True),
        "the lists that the image brings: ",
    ),
    "lists of nobody": (
        lambda t: builtin_list.build_builtin_index(t.root / "usr/share/hallpass/lists"),
        "usr/share/hallpass/lists: nothing says whose work the lists are",
    ),
    "a password": (
        lambda t: t.write("etc/shadow", SHADOW.replace("root:*", "root:$y$j9T$x")),
        "root has a password",
    ),
    "no password": (lambda t: t.write("etc/shadow", SHADOW.replace("root:*", "root:")), "root needs no password"),
    "a machine id": (lambda t: t.write("etc/machine-id", "b" * 32), "etc/machine-id: a machine id"),
    "a random seed": (lambda t: t.write("var/lib/systemd/random-seed", "x"), "a random seed"),
    "a technician's key": (
        lambda t: t.write("root/.ssh/authorized_keys", "x"),
        "root/.ssh/authorized_keys: an SSH key",
    ),
    "a private key": (lambda t: t.write("etc/hallpass/x.pem", KEY), "etc/hallpass/x.pem: a private key"),
    "a key for all to read": (lambda t: t.write("x.pem", KEY, t.boot), "boot partition: x.pem: a private key"),
    "a token": (lambda t: t.write("hallpass.bundle", "x", t.boot), "hallpass.bundle belongs to one room"),
    "pip's settings": (lambda t: t.write("etc/pip.conf", "x"), "etc/pip.conf: pip's settings"),
    "a mirror": (
        lambda t: t.write("etc/apt/sources.list", "deb http://mirror.example.org/debian trixie main\n"),
        "etc/apt/sources.list: http://mirror.example.org/debian is not Debian's archive",
    ),
    "a proxy": (
        lambda t: t.write("etc/apt/apt.conf.d/80x", 'Acquire::http::Proxy "http://192.0.2.1:3142";'),
        "etc/apt/apt.conf.d/80x: a proxy",
    ),
    "what mmdebstrap was told": (
        lambda t: t.write("etc/apt/apt.conf.d/99mmdebstrap", ""),
        "apt's settings of the",
    ),
    "a service that is off": (
        lambda t: (t.root / "etc/systemd/system/multi-user.target.wants/nftables.service").unlink(),
        "nftables.service is not enabled",
    ),
    "a service that is gone": (
        lambda t: (t.root / "etc/systemd/system/nftables.service").unlink(),
        "nftables.service is enabled, but /etc/systemd/system/nftables.service is missing",
    ),
    "a user who is gone": (
        lambda t: t.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
        "hallpass-web.service runs as hallpass-web, who does not exist",
    ),
    "no kernel": (lambda t: (t.boot / "vmlinuz").unlink(), "boot partition: vmlinuz is missing"),
    "no Pi 5": (lambda t: (t.boot / "bcm2712-rpi-5-b.dtb").unlink(), "bcm2712-rpi-5-b.dtb is missing"),
    "no clock on the pins": (
        lambda t: (t.boot / "overlays/rtc-ds3231.dtbo").unlink(),
        "boot partition: overlays/rtc-ds3231.dtbo is missing",
    ),
    "another kernel's modules": (
        lambda t: t.write("vmlinuz", "Linux version 6.1", t.boot),
        "the kernel is another one",
    ),
    "a root that is written": (
        lambda t: t.write("cmdline.txt", "root=LABEL=hallpass-root rw", t.boot),
        "cmdline.txt does not say ro",
    ),
    "no Hallpass": (
        lambda t: (t.root / "opt/hallpass/bin/hallpass").unlink(),
        "opt/hallpass/bin/hallpass is missing",
    ),
    "a console that asks": (
        lambda t: (t.root / "etc/systemd/system/serial-getty@.service").unlink(),
        "serial-getty@.service is not masked",
    ),
    "a command that no shell finds": (
        lambda t: (t.root / "usr/local/bin/hallpass").unlink(),
        "usr/local/bin/hallpass: the command is not where a shell finds it",
    ),
    "another version": (
        lambda t: t.write("etc/hallpass-release", "HALLPASS_VERSION=2.0\n"),
        "etc/hallpass-release says version 2.0, installed is 1.2.3",
    ),
    "a hot path that is interpreted after all": (
        lambda t: t.write("etc/hallpass-release", "HALLPASS_VERSION=1.2.3\nHALLPASS_COMPILED=36\n"),
        "etc/hallpass-release says that 36 modules are compiled, there are 0",
    ),
    "a compiler": (
        lambda t: t.write("usr/bin/aarch64-linux-gnu-gcc-14", "x"),
        "usr/bin/aarch64-linux-gnu-gcc-14: a card needs nothing that compiles",
    ),
    "Python's headers": (
        lambda t: t.write("usr/include/python3.13/Python.h", "x"),
        "usr/include/python3.13: a card needs nothing that compiles",
    ),
    "hidden files": (lambda t: t.write("data/x", "x"), "data/x: files that the data partition hides"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, tmp_path: Path) -> None:
    plant, words = FAULTS[fault]
    trees = Trees(tmp_path / "trees")
    plant(trees)
    [line] = found_in(make(trees, tmp_path / "made"))
    assert words in line
    assert "\n" not in line


def test_a_compiled_hot_path_is_said_and_stands_beside_its_source(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees")
    cache = "opt/hallpass/lib/python3.13/site-packages/dns/cache"
    trees.write(f"{cache}.cpython-313-aarch64-linux-gnu.so", "x")
    trees.write("etc/hallpass-release", "HALLPASS_VERSION=1.2.3\nHALLPASS_COMPILED=1\n")
    assert found_in(make(trees, tmp_path / "first")) == [
        f"{cache}.cpython-313-aarch64-linux-gnu.so: its source is not beside it"
    ]
    trees.write(f"{cache}.py", "x")
    with open_image(make(trees, tmp_path / "second")) as inside:
        assert verify_image(inside) == []
        assert read_versions(inside)["hallpass"] == "1.2.3 (compiled)"


def test_every_finding_is_printed_and_the_command_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees = Trees(tmp_path / "trees")
    trees.write("etc/pip.conf", "x")
    trees.write("etc/shadow", "")
    trees.write("etc/machine-id", "c" * 32)
    with pytest.raises(SystemExit) as left:
        main(["image", "verify", str(make(trees, tmp_path / "made"))])
    assert left.value.code == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "2 findings; do not flash it" in printed.err


def test_a_file_system_that_is_damaged_is_found(tmp_path: Path) -> None:
    def spoil(parts: dict[str, Path]) -> None:
        with parts["data"].open("r+b") as file:
            file.seek(2 * 4096)
            file.write(b"\xff" * 4096)

    lines = found_in(make(Trees(tmp_path / "trees"), tmp_path / "made", spoil=spoil))
    assert any(line.startswith("partition data: e2fsck failed") for line in lines)


def test_root_slots_of_two_sizes_are_found(tmp_path: Path) -> None:
    plan = make_layout(boot=40 * MIB, root=16 * MIB, data=64 * MIB)
    image = make(Trees(tmp_path / "trees"), tmp_path / "made", plan)
    with image.open("r+b") as file:
        file.seek(0x1BE + 2 * 16 + 12)  # the third entry's size, in sectors
        file.write((8 * MIB // 512).to_bytes(4, "little"))
    lines = found_in(image)
    assert "the two root partitions are not of one size: an update could not take the other one's place" in lines


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" * 1000])
def test_what_is_no_image_is_refused_in_one_line(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "holiday.img"
    image.write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main(["image", "verify", str(image)])
    assert left.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_image_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["image", "verify", str(tmp_path / "none.img")])
    assert "none.img: there is no such file" in capsys.readouterr().err
