"""The recipe that ships is whole; a broken one is named line by line; what is missing is named at once."""

import re
import tomllib
from pathlib import Path

import pytest

from appliance.image import tools
from appliance.image.errors import ImageError
from appliance.image.recipe import BUILDERS, Recipe, Wheel, read_lock, read_recipe

RECIPE = Path(__file__).parents[3] / "image-build"
PROJECT = tomllib.loads((RECIPE.parent / "pyproject.toml").read_text())["project"]
RUNS_ON_THE_CARD = re.compile(r"(cp313-cp313|cp3\d+-abi3)-(manylinux\w+_aarch64\.?)+|(py2\.)?py3-none-any")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name)[0]).lower()


HOOK = tomllib.loads((RECIPE.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
NEEDED_TO_COMPILE = {plain(one) for one in [*HOOK["hooks"]["custom"]["dependencies"], "hatchling"]}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(RECIPE, {"SOURCE_DATE_EPOCH": "1"})


def test_every_package_that_hallpass_needs_is_locked(recipe: Recipe) -> None:
    locked = {wheel.name for wheel in recipe.wheels}
    needed = {plain(one) for one in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["pi"]]}
    assert needed - locked == set()
    assert "dnspython" not in locked


@pytest.mark.parametrize("machine", BUILDERS)
def test_what_compiles_is_locked_for_either_kind_of_machine(recipe: Recipe, machine: str) -> None:
    wheels = read_lock(recipe.compiler_lock(machine))
    runs_there = re.compile(rf"(cp313-cp313|cp3\d+-abi3)-(manylinux\w+_{machine}\.?)+|(py2\.)?py3-none-any")
    assert NEEDED_TO_COMPILE - {one.name for one in wheels} == set()
    assert [one.file for one in wheels if not runs_there.search(one.file)] == []
    assert differing_from_constraints(wheels) == {}


def test_the_lock_holds_the_versions_that_the_tests_pass_with(recipe: Recipe) -> None:
    assert differing_from_constraints(recipe.wheels) == {}


def differing_from_constraints(wheels: tuple[Wheel, ...]) -> dict[str, tuple[str, str]]:
    lines = (RECIPE.parent / "constraints.txt").read_text().splitlines()
    tested = {plain(line): line.partition("==")[2] for line in lines if "==" in line}
    return {
        one.name: (one.version, tested[one.name])
        for one in wheels
        if tested.get(one.name, one.version) != one.version
    }


def test_every_wheel_runs_on_the_card(recipe: Recipe) -> None:
    strange = [one.file for one in recipe.wheels if not RUNS_ON_THE_CARD.search(one.file)]
    assert strange == []
    assert all(plain(one.file.split("-")[0]) == one.name for one in recipe.wheels)


def test_the_pins_module_is_no_empty_placeholder(recipe: Recipe) -> None:
    locked = {wheel.name: wheel.version for wheel in recipe.wheels}
    assert "lgpio" not in locked
    assert {"rpi-lgpio", "adafruit-lgpio"} <= set(locked)


def test_the_kernel_comes_from_backports_and_nothing_comes_twice(recipe: Recipe) -> None:
    assert "linux-image-arm64/trixie-backports" in recipe.packages
    assert len(set(recipe.packages)) == len(recipe.packages)
    assert any("trixie-backports" in source for source in recipe.sources())


def test_the_base_is_made_anew_when_what_steers_it_changes(recipe: Recipe, tmp_path: Path) -> None:
    other = _copy(tmp_path)
    same = read_recipe(other, {"SOURCE_DATE_EPOCH": "2"})
    assert same.base_key(same.sources()) == recipe.base_key(recipe.sources())
    assert same.base_key(same.sources("http://mirror.example.org/debian")) != recipe.base_key(recipe.sources())
    script = other / "root/etc/initramfs-tools/hooks/hallpass"
    script.write_text(script.read_text() + "\n")
    assert same.base_key(same.sources()) != recipe.base_key(recipe.sources())


def test_every_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    (folder / "packages.txt").write_text("systemd\nno such thing!\n")
    (folder / "wheels.lock").write_text("flask==3.1.3\n")
    with pytest.raises(ImageError, match=r"packages\.txt: 'no such thing!'; wheels\.lock: 'flask==3\.1\.3'$"):
        read_recipe(folder, {"SOURCE_DATE_EPOCH": "1"})


def test_a_folder_without_a_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is this a clone of Hallpass"):
        read_recipe(tmp_path / "image-build", {})


def test_without_a_time_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="SOURCE_DATE_EPOCH"):
        read_recipe(_copy(tmp_path), {"SOURCE_DATE_EPOCH": "today"})


def test_all_missing_tools_are_named_at_once_with_their_packages() -> None:
    present = {"sfdisk", "e2fsck"}
    with pytest.raises(ImageError) as raised:
        tools.require_tools(tools.READ_TOOLS, lambda name: name if name in present else None)
    said = str(raised.value)
    assert "missing: debugfs, fsck.vfat, mcopy" in said
    assert said.endswith("apt install dosfstools e2fsprogs mtools xz-utils zstd")


def test_a_machine_with_nothing_is_told_everything(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as raised:
        tools.require_build_tools(lambda _: None, keyring=tmp_path / "debian-archive-keyring.gpg", binfmt=tmp_path)
    packages = str(raised.value).partition("apt install ")[2].split()
    assert {"bmap-tools", "debian-archive-keyring", "mmdebstrap", "mtools"} <= set(packages)


@pytest.mark.parametrize("foreign", [True, False])
def test_what_emulation_needs_is_asked_of_a_machine_that_emulates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, foreign: bool
) -> None:
    monkeypatch.setattr(tools, "is_foreign", lambda: foreign)
    with pytest.raises(ImageError) as raised:
        tools.require_build_tools(lambda _: None, keyring=tmp_path / "none.gpg", binfmt=tmp_path)
    packages = str(raised.value).partition("apt install ")[2].split()
    emulation = {"qemu-user-static", "binfmt-support", "arch-test"}
    assert emulation & set(packages) == (emulation if foreign else set())


def test_a_program_that_fails_is_quoted_in_one_line() -> None:
    with pytest.raises(ImageError, match=r"^tar failed: .*none\.tar") as raised:
        tools.run_tool(["tar", "-xf", "/nonexistent/none.tar"])
    assert "\n" not in str(raised.value)


def _copy(folder: Path) -> Path:
    """A recipe of its own, to be changed."""
    clone = folder / "clone"
    for path in (RECIPE / "root/etc/initramfs-tools", RECIPE / "root/etc/dpkg"):
        for file in path.rglob("*"):
            if file.is_file():
                target = clone / "image-build" / file.relative_to(RECIPE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.read_text())
    (clone / "image-build/compiler").mkdir()
    locks = ("compiler/x86_64.lock", "compiler/aarch64.lock")
    for name in ("packages.txt", "wheels.lock", "compiler/packages.txt", *locks):
        (clone / "image-build" / name).write_text((RECIPE / name).read_text())
    (clone / "pyproject.toml").write_text((RECIPE.parent / "pyproject.toml").read_text())
    return clone / "image-build"
