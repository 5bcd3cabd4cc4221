"""From the recipe to the image and what goes with it. Each step is named before it starts; `step` shows them.

    base root (cached) -> Python's packages (cached) -> Hallpass and the recipe's tree in it
    -> boot, root, spare and data file systems -> image -> packed, with .bmap, .sha256, SBOM and os_list.json

Nothing is fetched but Debian's packages (by mmdebstrap, signed) and wheels (by pip, hashed).
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from appliance.image import disk, filesystems, os_list, sbom, tools, wheels
from appliance.image import root as roots
from appliance.image.base import base
from appliance.image.errors import ImageError
from appliance.image.layout import layout
from appliance.image.recipe import Recipe

Step = Callable[[str], AbstractContextManager[object]]


class Options(msgspec.Struct, frozen=True):
    """What the person who builds may choose."""

    output: Path
    cache: Path
    compress: str  # "xz", "zstd" or "none"
    sources: tuple[str, ...]
    url: str = ""


def build(recipe: Recipe, options: Options, step: Step) -> list[Path]:
    """Build the image and return the files made, itself the first.

    Raises ImageError, which says what is missing or went wrong; nothing unfinished bears the image's name.
    """
    if os.geteuid() != 0:
        raise ImageError(
            "an image is built as root: its files have many owners, and its programs run in their own root"
        )
    tools.require_for_building()
    options.output.mkdir(parents=True, exist_ok=True)
    options.cache.mkdir(parents=True, exist_ok=True)
    log = options.output / "build.log"
    log.write_bytes(b"")
    with tempfile.TemporaryDirectory(dir=options.output, prefix=".building-") as folder:
        work = Path(folder)
        root = _root(recipe, options, work, log, step)
        raw = _image(recipe, root, work, step)
        return _finish(recipe, options, root, raw, step)


def _root(recipe: Recipe, options: Options, work: Path, log: Path, step: Step) -> Path:
    network = dict(os.environ)  # pip and apt find their indexes and proxies as the person who builds has set them
    with step("Debian's packages, from the cache or anew (which takes a while)"):
        tar = base(recipe, options.cache, options.sources, log)
    with step("Python's packages, from the cache or anew"):
        environment = roots.libraries(recipe, tar, options.cache, work=work, log=log, network=network)
    with step("our own wheel"):
        own = wheels.build(recipe, work / "wheel", log, network)
    root = work / "root"
    with step("unpacking the base"):
        roots.unpack(tar, root)
    with step("installing Hallpass"):
        roots.install(recipe, root, environment, own, log)
    with step("configuring services"):
        roots.overlay(recipe, root)
        roots.configure(recipe, root, log)
    roots.take_boot(recipe, root, work / "boot")
    roots.clean(recipe, root)
    return root


def _image(recipe: Recipe, root: Path, work: Path, step: Step) -> Path:
    plan = layout()
    parts = {one.name: work / f"{one.name}.fs" for one in plan.partitions}
    with step("file systems"):
        filesystems.fat(plan.boot, work / "boot", parts["boot"], recipe.epoch)
        filesystems.ext4(plan.root, root, parts["root"], recipe.epoch)
        filesystems.ext4(plan.spare, None, parts["spare"], recipe.epoch)
        filesystems.ext4(plan.data, None, parts["data"], recipe.epoch, grows=True)
    raw = work / f"hallpass-{recipe.version}-arm64.img"
    with step("putting the image together"):
        disk.compose(plan, parts, raw)
    return raw


def _finish(recipe: Recipe, options: Options, root: Path, raw: Path, step: Step) -> list[Path]:
    """Pack and describe beside the unfinished image, and only then move everything to where it is looked for."""
    with step(f"packing ({options.compress})"):
        packed = disk.pack(raw, options.compress)
    with step("block map, digests, list of contents"):
        made = [packed, raw.with_suffix(".img.bmap"), raw.with_suffix(".cdx.json")]
        disk.block_map(raw, made[1])
        made[2].write_bytes(sbom.document(root, recipe.version, recipe.epoch))
        offered = os_list.Packed(
            file=packed.name,
            size=packed.stat().st_size,
            digest=disk.sha256(packed),
            raw_size=raw.stat().st_size,
            raw_digest=disk.sha256(raw),
        )
        made.append(raw.with_name("os_list.json"))
        made[-1].write_bytes(os_list.document(offered, recipe.version, recipe.epoch, options.url))
        made.append(packed.with_name(packed.name + ".sha256"))
        made[-1].write_text(f"{offered.digest}  {packed.name}\n")
    return [Path(shutil.move(path, options.output / path.name)) for path in made]
