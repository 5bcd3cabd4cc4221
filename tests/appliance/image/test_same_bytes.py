"""What is laid into the card says nothing of when the recipe was checked out, or of where the build ran."""

import os
import zipfile
from pathlib import Path

import pytest

from appliance.image import filesystems, root, wheels
from appliance.image.recipe import Recipe
from tests.appliance.image.factories import EPOCH

WHEEL = {
    "spoken/__init__.py": "def main():\n    print('spoken')\n",
    "spoken-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: spoken\nVersion: 1.0\n",
    "spoken-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "spoken-1.0.dist-info/entry_points.txt": "[console_scripts]\nspeak = spoken:main\n",
}


def recipe_checked_out(folder: Path, at: int) -> Recipe:
    """Make a recipe with one file for each partition, checked out at a time."""
    recipe = Recipe(folder=folder, version="1.2.3", packages=(), wheels=(), epoch=EPOCH)
    for file in (recipe.root / "etc/motd", recipe.boot / "config.txt"):
        file.parent.mkdir(parents=True)
        file.write_text("hello\n")
        os.utime(file, (at, at))
    return recipe


@pytest.mark.parametrize("at", [EPOCH - 5000, EPOCH + 5000])
def test_the_boot_partition_bears_the_recipes_time_whenever_it_was_checked_out(at: int, tmp_path: Path) -> None:
    recipe = recipe_checked_out(tmp_path / "image-build", at)
    firmware = tmp_path / "root/boot/firmware"
    firmware.mkdir(parents=True)
    for name in ("vmlinuz-1", "initrd.img-1"):
        (firmware.parent / name).write_text(name)
    root.copy_boot(recipe, tmp_path / "root", tmp_path / "boot")
    assert (tmp_path / "boot/config.txt").stat().st_mtime == EPOCH


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to root")
@pytest.mark.parametrize("at", [EPOCH - 5000, EPOCH + 5000])
def test_so_does_what_is_laid_over_the_root(at: int, tmp_path: Path) -> None:
    recipe = recipe_checked_out(tmp_path / "image-build", at)
    (tmp_path / "root/etc").mkdir(parents=True)
    root.apply_overlay(recipe, tmp_path / "root")
    filesystems.clamp_times(tmp_path / "root", EPOCH)
    assert (tmp_path / "root/etc/motd").stat().st_mtime == EPOCH


def test_the_record_of_a_package_names_what_is_there_and_no_command_of_this_machine(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "spoken-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)
        wheel.writestr("spoken-1.0.dist-info/RECORD", "".join(f"{name},,\n" for name in WHEEL))
    target = tmp_path / "site-packages"
    wheels.install_wheels(tmp_path, ["spoken==1.0"], target, tmp_path / "log")
    record = (target / "spoken-1.0.dist-info/RECORD").read_text()
    named = [line.partition(",")[0] for line in record.splitlines()]
    assert "spoken/__init__.py" in named
    assert [name for name in named if not (target / name).exists()] == []
