"""The device trees' overlays of the recipe (`image-build/overlays`): what is plugged onto a Pi, for its kernel.

Debian's firmware package brings overlays for a sound card only. Ours are compiled here, one file for each; the
Pi's firmware lays those that `config.txt` names, or that a HAT names in its own memory, over the board's tree.
"""

from pathlib import Path

from appliance.image import tools
from appliance.image.recipe import Recipe

OVERLAY_FOLDER = "overlays"  # as the Pi's firmware looks for it


def compile_each_overlay(recipe: Recipe, boot: Path) -> None:
    """Put each overlay of the recipe, compiled, onto the boot partition."""
    folder = boot / OVERLAY_FOLDER
    folder.mkdir(exist_ok=True)
    for source in sorted(recipe.overlay_sources.glob("*.dts")):
        compiled = folder / f"{source.stem}.dtbo"
        compile_device_tree(source, compiled, recipe.overlay_sources)


def compile_device_tree(source: Path, compiled: Path, included: Path) -> None:
    """Compile one device tree, its labels kept. Raises ImageError."""
    tools.run_tool(["dtc", "-@", "-I", "dts", "-O", "dtb", "-i", included, "-o", compiled, source])
