"""The image in parts: layout, file systems, packing, and what is said of it; on a small card."""

import hashlib
import json
import os
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from appliance.image import disk, filesystems, os_list, sbom, tools
from appliance.image.layout import ALIGNED, MIB, format_partition_table, make_layout
from appliance.image.reader import open_image
from appliance.image.reader import read_partition_table as read_table
from tests.appliance.image.factories import EPOCH, SMALL, Trees, make


def test_partitions_follow_each_other_without_gaps_and_data_is_last() -> None:
    of = make_layout()
    assert of.partitions[0].start == ALIGNED
    assert all(after.start == before.end for before, after in pairwise(of.partitions))
    assert all(one.start % ALIGNED == 0 and one.size % ALIGNED == 0 for one in of.partitions)
    assert of.root.size == of.spare.size
    assert of.partitions[-1] == of.data
    assert of.size == of.data.end < 7_500_000_000  # a card sold as 8 GB


def test_no_two_file_systems_share_a_name() -> None:
    assert len({one.label for one in make_layout().partitions}) == 4
    assert len({one.uuid for one in make_layout().partitions}) == 4


@pytest.mark.parametrize("size", [0, -ALIGNED, ALIGNED + 512])
def test_a_partition_that_straddles_the_cards_blocks_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"^root: "):
        make_layout(root=size)


def test_the_table_says_to_sfdisk_what_the_layout_says(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(SMALL.size)
    tools.run_tool(["sfdisk", "--quiet", image], stdin=format_partition_table(SMALL).encode())
    said = [(one.start, one.size, one.kind) for one in read_table(image)]
    assert said == [(one.start, one.size, one.kind) for one in SMALL.partitions]


def test_the_same_trees_give_the_same_bytes_whenever_and_in_whatever_order_they_were_laid_out(
    tmp_path: Path,
) -> None:
    first, second = Trees(tmp_path / "a"), Trees(tmp_path / "b")
    for name in ("z", "a", "m"):
        first.write(f"etc/order/{name}", name)
        first.write(f"order/{name}", name, first.boot)
    for name in ("m", "z", "a"):
        second.write(f"etc/order/{name}", name)
        second.write(f"order/{name}", name, second.boot)
    for path in (*second.root.rglob("*"), *second.boot.rglob("*")):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (EPOCH + 5000, EPOCH + 5000))
    for path in (*first.root.rglob("*"), *first.boot.rglob("*")):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (EPOCH + 77, EPOCH + 77))
    images = [make(first, tmp_path / "made-a"), make(second, tmp_path / "made-b")]
    assert disk.sha256_file(images[0]) == disk.sha256_file(images[1])
    assert disk.sha256_file(disk.compress_image(images[0], "xz")) == disk.sha256_file(
        disk.compress_image(images[1], "xz")
    )


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees")
    with open_image(make(trees, tmp_path / "made")) as inside:
        for before, after in ((trees.root, inside.root), (trees.boot, inside.boot)):
            there = {path.relative_to(after) for path in after.rglob("*")} - {Path("lost+found")}
            assert there == {path.relative_to(before) for path in before.rglob("*")}
            texts = [path for path in before.rglob("*") if path.is_file() and not path.is_symlink()]
            assert all((after / path.relative_to(before)).read_bytes() == path.read_bytes() for path in texts)


def test_links_that_lead_to_links_bear_no_later_access_either(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "z").mkdir()
    (tree / "a" / "file").write_text("")
    for folder, other in (("a", "z"), ("z", "a")):
        (tree / folder / "over").symlink_to(f"../{other}/link")
        (tree / folder / "link").symlink_to("../a/file")
    found = list(tree.rglob("*"))  # now, because looking around is an access too
    filesystems.clamp_times(tree, EPOCH)
    assert {path.lstat().st_atime for path in found} == {float(EPOCH)}


def test_the_data_file_system_grows_from_its_first_size_to_a_large_cards(tmp_path: Path) -> None:
    part = tmp_path / "data.fs"
    filesystems.make_ext4(SMALL.data, None, part, EPOCH, grows=True)
    with part.open("r+b") as file:
        file.truncate(64 * 1024 * MIB)
    tools.run_tool(["e2fsck", "-f", "-p", part], accept={0, 1})
    tools.run_tool(["resize2fs", part])
    tools.run_tool(["e2fsck", "-f", "-n", part])


def test_no_inode_bears_the_hour_of_the_build(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees")
    filesystems.clamp_times(trees.root, EPOCH)
    part = tmp_path / "root.fs"
    filesystems.make_ext4(SMALL.root, trees.root, part, EPOCH)
    told = tools.run_tool(["debugfs", "-R", "stat /etc/shadow", part]).decode()
    times = [
        line.split()[1]
        for line in told.splitlines()
        if line.strip().startswith(("ctime", "atime", "mtime", "crtime"))
    ]
    assert [int(time.split(":")[0], 16) for time in times] == [EPOCH] * 4


@pytest.mark.parametrize("how", ["xz", "zstd", "none"])
def test_packing_loses_nothing(how: str, tmp_path: Path) -> None:
    image = make(Trees(tmp_path / "trees"), tmp_path / "made")
    raw = tmp_path / "again.img"
    disk.decompress_image(disk.compress_image(image, how), raw)
    assert disk.sha256_file(raw) == disk.sha256_file(image)


def test_the_block_map_leaves_out_what_is_empty_and_nothing_else(tmp_path: Path) -> None:
    image = make(Trees(tmp_path / "trees"), tmp_path / "made")
    disk.write_block_map(image, tmp_path / "bmap")
    root = ET.fromstring((tmp_path / "bmap").read_text())  # bmaptool wrote it just now
    block = int(str(root.findtext("BlockSize")))
    copied = bytearray(image.stat().st_size)
    content = image.read_bytes()
    mapped = 0
    for span in root.iter("Range"):
        first, _, last = str(span.text).strip().partition("-")
        start, end = int(first) * block, (int(last or first) + 1) * block
        copied[start:end] = content[start:end]
        assert span.get("chksum") == hashlib.sha256(content[start:end]).hexdigest()
        mapped += end - start
    assert bytes(copied) == content
    assert mapped < len(content) / 2


def test_imagers_list_names_the_image_with_its_sizes_and_digests() -> None:
    packed = os_list.PackedImage(
        file="hallpass-1.2.3-arm64.img.xz", size=300, digest="a" * 64, raw_size=2000, raw_digest="b" * 64
    )
    [entry] = json.loads(os_list.encode_os_list(packed, "1.2.3", EPOCH, "https://central.example.org/cards/"))[
        "os_list"
    ]
    assert entry["url"] == "https://central.example.org/cards/hallpass-1.2.3-arm64.img.xz"
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (300, "a" * 64)
    assert (entry["extract_size"], entry["extract_sha256"]) == (2000, "b" * 64)
    assert entry["release_date"] == "2026-09-21"
    assert entry["devices"] == ["pi5-64bit", "pi4-64bit", "pi3-64bit"]


def test_the_list_of_contents_names_every_package_that_is_there_and_none_that_is_not(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees")
    written = sbom.encode_sbom(trees.root, "1.2.3", EPOCH)
    content = msgspec.json.decode(written)
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    assert [one["purl"] for one in content["components"]] == [
        "pkg:deb/debian/systemd@257.13-1~deb13u1?arch=arm64&distro=trixie",
        "pkg:pypi/hallpass@1.2.3",
    ]
    assert content["components"][1]["licenses"] == [{"expression": "MIT"}]
    assert sbom.encode_sbom(trees.root, "1.2.3", EPOCH) == written
