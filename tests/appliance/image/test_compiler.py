"""A wheel compiled for the card is wholly that, or the build ends and says what is wrong."""

import os
import zipfile
from pathlib import Path

import pytest

from appliance.image import base, compiler, root, tools, wheels
from appliance.image.errors import ImageError
from appliance.image.recipe import Recipe, read_recipe
from tests.fakes.compiled_build import HOOK, ROOT

MODULES = ("dns.cache", "dns.server.udp")
SUFFIX = ".cpython-313-aarch64-linux-gnu.so"
CARDS, OURS = 183, 62  # EM_AARCH64, EM_X86_64
COMPILED = ("dns/cache", "dns/server/udp", "hallpass__mypyc")


def wheel_of(folder: Path, machine: int = CARDS, names: tuple[str, ...] = COMPILED) -> Path:
    path = folder / "hallpass-1.2.3-cp313-cp313-linux_aarch64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dns/cache.py", "")
        for name in names:
            archive.writestr(f"{name}{SUFFIX}", b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
    return path


def test_a_wheel_with_every_module_as_the_cards_machine_code_is_taken(tmp_path: Path) -> None:
    compiler.check_wheel(wheel_of(tmp_path), MODULES)


@pytest.mark.parametrize(
    ("machine", "names", "words"),
    [
        (CARDS, COMPILED[1:], f"dns/cache{SUFFIX} is missing$"),
        (CARDS, (), f"dns/cache{SUFFIX} is missing; dns/server/udp{SUFFIX} is missing; "),
        (CARDS, (*COMPILED, "dns/worker"), f"dns/worker{SUFFIX} was not expected$"),
        (OURS, COMPILED, f"dns/cache{SUFFIX} is another machine's; "),
    ],
)
def test_what_is_wrong_with_a_wheel_is_named(
    machine: int, names: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match=words):
        compiler.check_wheel(wheel_of(tmp_path, machine, names), MODULES)


def test_the_modules_are_those_of_every_other_compiled_wheel() -> None:
    assert compiler.read_modules(ROOT) == tuple(HOOK["modules"])


def test_a_machine_that_cannot_compile_for_the_card_is_told_what_can_be_built() -> None:
    with pytest.raises(ImageError, match=r"this machine is riscv64; --interpreted builds the card without$"):
        compiler.require_builder("riscv64")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change to another root")
def test_a_build_that_fails_says_so_and_never_takes_the_other_wheel(tmp_path: Path) -> None:
    """A compiler's root without anything in it: no program of it can be started."""
    tools.run_tool(["tar", "-cf", tmp_path / "compiler.tar", "-T", "/dev/null"])
    with pytest.raises(
        ImageError, match=r"^the hot path could not be compiled for the card: .*--interpreted builds"
    ):
        compiler.build_compiled_wheel(
            _recipe(), tmp_path / "compiler.tar", tmp_path / "wheel", work=tmp_path, log=tmp_path / "log"
        )
    assert not (tmp_path / "wheel").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to root")
@pytest.mark.parametrize("compiled", [(), MODULES])
def test_the_card_says_how_many_modules_are_compiled(compiled: tuple[str, ...], tmp_path: Path) -> None:
    recipe = Recipe(folder=tmp_path / "image-build", version="1.2.3", packages=(), wheels=(), epoch=1)
    (tmp_path / "root/etc").mkdir(parents=True)
    recipe.root.mkdir(parents=True)
    root.apply_overlay(recipe, tmp_path / "root", compiled)
    said = (tmp_path / "root" / root.RELEASE).read_text()
    assert said.endswith(f"HALLPASS_COMPILED={len(compiled)}\n")


def test_pip_takes_a_wheel_that_was_built_for_the_card_itself(tmp_path: Path) -> None:
    path = wheel_of(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        about = "hallpass-1.2.3.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: hallpass\nVersion: 1.2.3\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: cp313-cp313-linux_aarch64\n")
        archive.writestr(f"{about}/RECORD", "")
    wheels.install_wheels(tmp_path, ["hallpass==1.2.3"], tmp_path / "libraries", tmp_path / "log")
    assert (tmp_path / f"libraries/dns/cache{SUFFIX}").is_file()


def test_a_new_tar_of_the_cache_takes_the_place_of_its_kind_alone(tmp_path: Path) -> None:
    for name in ("compiler-old.tar", "base-old.tar", "compiler-new.unfinished"):
        (tmp_path / name).write_text(name)
    base.keep_newest(tmp_path / "compiler-new.unfinished", tmp_path / "compiler-new.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-old.tar", "compiler-new.tar"]


def _recipe() -> Recipe:
    return read_recipe(ROOT / "image-build", {"SOURCE_DATE_EPOCH": "1"})
