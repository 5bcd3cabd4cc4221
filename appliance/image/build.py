"""From the recipe to the image and what goes with it. Each step is named before it starts; `step` shows them.

    base root (cached) -> Python's packages (cached) -> our own wheel, compiled in a root of its own (cached)
    -> Hallpass, the recipe's tree and, where asked, lists in it -> boot, root, spare and data file systems
    -> image -> packed, with .bmap, .sha256, SBOM and os_list.json

Nothing is fetched but Debian's packages (by mmdebstrap, signed), wheels (by pip, hashed), and the lists of a set.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from appliance.image import compiler, disk, filesystems, lists, os_list, sbom, tools, wheels
from appliance.image import root as roots
from appliance.image.base import build_base
from appliance.image.errors import ImageError
from appliance.image.layout import make_layout
from appliance.image.recipe import Recipe

Step = Callable[[str], AbstractContextManager[object]]
Warn = Callable[[str], None]
LOG_NAME = "build.log"


class BuildOptions(msgspec.Struct, frozen=True):
    """What the person who builds may choose."""

    output: Path
    cache: Path
    compress: str  # "xz", "zstd" or "none"
    sources: tuple[str, ...]
    url: str = ""
    lists: str = ""  # the ready-made set whose lists the image brings; "": the built-in list alone
    interpreted: bool = False  # the wheel that runs everywhere, in place of the one compiled for the card
    list_copies: Path | None = None  # where copies of its lists lie; None: from their publishers


def build_image(recipe: Recipe, options: BuildOptions, step: Step, warn: Warn) -> list[Path]:
    """Build the image and return the files made, itself the first. `warn`: is told what the image lacks.

    Raises ImageError, which says what is missing or went wrong; nothing unfinished bears the image's name.
    """
    if os.geteuid() != 0:
        raise ImageError(
            "an image is built as root: its files have many owners, and its programs run in their own root"
        )
    tools.require_build_tools()
    if not options.interpreted:
        compiler.require_builder()
    options.output.mkdir(parents=True, exist_ok=True)
    options.cache.mkdir(parents=True, exist_ok=True)
    (options.output / LOG_NAME).write_bytes(b"")
    with tempfile.TemporaryDirectory(dir=options.output, prefix=".building-") as folder:
        work = Path(folder)
        root = _build_root(recipe, options, work, step, warn)
        raw = _assemble_image(recipe, root, work, step)
        return _pack_and_describe(recipe, options, root, raw, step)


def _build_root(recipe: Recipe, options: BuildOptions, work: Path, step: Step, warn: Warn) -> Path:
    log = options.output / LOG_NAME
    network = dict(os.environ)  # pip and apt find their indexes and proxies as the person who builds has set them
    with step("Debian's packages, from the cache or anew (which takes a while)"):
        tar = build_base(recipe, options.cache, options.sources, log)
    with step("Python's packages, from the cache or anew"):
        environment = roots.build_libraries(recipe, tar, options.cache, work=work, log=log, network=network)
    compiled = () if options.interpreted else compiler.read_modules(recipe.project)
    own = _build_own_wheel(recipe, options, work, step, network)
    root = work / "root"
    with step("unpacking the base"):
        roots.unpack_base(tar, root)
    with step("installing Hallpass"):
        roots.install_hallpass(recipe, root, environment, own, log, compiled=compiled)
    with step("compiling for the services"):
        roots.compile_for_services(recipe, root, log)
    if options.lists:
        with step(f"the lists of {options.lists}"):
            made = lists.compile_image_lists(
                options.lists, work / "lists", options.cache, copies=options.list_copies
            )
            lists.install_image_lists(made, root)
        for name, why in made.left_out.items():
            warn(f"{name} is not in the image: {why}")
    with step("configuring services"):
        roots.apply_overlay(recipe, root, compiled)
        roots.configure_services(recipe, root, log)
    roots.copy_boot(recipe, root, work / "boot")
    roots.clean_root(recipe, root)
    return root


def _build_own_wheel(
    recipe: Recipe, options: BuildOptions, work: Path, step: Step, network: dict[str, str]
) -> Path:
    """Compiled for the card, or as it runs everywhere where that was asked for; never the one for the other."""
    log = options.output / LOG_NAME
    if options.interpreted:
        with step("our own wheel, interpreted"):
            return wheels.build_own_wheel(recipe, work / "wheel", log, network)
    with step("the compiler's root, from the cache or anew"):
        tar = compiler.build_compiler(recipe, options.cache, options.sources, work=work, log=log, network=network)
    with step("our own wheel, compiled for the card"):
        return compiler.build_compiled_wheel(recipe, tar, work / "wheel", work=work, log=log)


def _assemble_image(recipe: Recipe, root: Path, work: Path, step: Step) -> Path:
    plan = make_layout()
    parts = {one.name: work / f"{one.name}.fs" for one in plan.partitions}
    with step("file systems"):
        filesystems.make_fat(plan.boot, work / "boot", parts["boot"], recipe.epoch)
        filesystems.make_ext4(plan.root, root, parts["root"], recipe.epoch)
        filesystems.make_ext4(plan.spare, None, parts["spare"], recipe.epoch)
        filesystems.make_ext4(plan.data, None, parts["data"], recipe.epoch, grows=True)
    raw = work / f"hallpass-{recipe.version}-arm64.img"
    with step("putting the image together"):
        disk.compose_image(plan, parts, raw)
    return raw


def _pack_and_describe(recipe: Recipe, options: BuildOptions, root: Path, raw: Path, step: Step) -> list[Path]:
    """Pack and describe beside the unfinished image, and only then move everything to where it is looked for."""
    with step(f"packing ({options.compress})"):
        packed = disk.compress_image(raw, options.compress)
    with step("block map, digests, list of contents"):
        made = [packed, raw.with_suffix(".img.bmap"), raw.with_suffix(".cdx.json")]
        disk.write_block_map(raw, made[1])
        made[2].write_bytes(sbom.encode_sbom(root, recipe.version, recipe.epoch))
        offered = os_list.PackedImage(
            file=packed.name,
            size=packed.stat().st_size,
            digest=disk.sha256_file(packed),
            raw_size=raw.stat().st_size,
            raw_digest=disk.sha256_file(raw),
        )
        made.append(raw.with_name("os_list.json"))
        made[-1].write_bytes(os_list.encode_os_list(offered, recipe.version, recipe.epoch, options.url))
        made.append(packed.with_name(packed.name + ".sha256"))
        made[-1].write_text(f"{offered.digest}  {packed.name}\n")
    return [Path(shutil.move(path, options.output / path.name)) for path in made]
