"""The base root: Debian's packages for the card, unpacked and configured by mmdebstrap, kept as a tar.

Configuring them under emulation takes most of a build's time, and nothing of it depends on our own code; so the
tar is used again until the packages, their sources, what is left out of them or the initramfs's parts change.
"""

import os
from pathlib import Path

from appliance.image import tools
from appliance.image.recipe import DPKG, INITRAMFS, SUITE, Recipe

# The base bears one time, whichever commit is built: one from the cache must be the same as a new one.
EPOCH = 1795576407


def build_base(recipe: Recipe, cache: Path, sources: tuple[str, ...], log: Path) -> Path:
    """Return the tar of the base root, made now if the cache holds none for this recipe."""
    tar = cache / f"base-{recipe.base_key(sources)}.tar"
    if tar.exists():
        return tar
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = tar.with_suffix(".unfinished.tar")
    tools.run_tool(_command(recipe, sources, unfinished), log=log, env={"SOURCE_DATE_EPOCH": str(EPOCH)})
    unfinished.rename(tar)
    for other in cache.glob("base-*.tar"):
        if other != tar:
            other.unlink()
    return tar


def _command(recipe: Recipe, sources: tuple[str, ...], output: Path) -> list[str | Path]:
    # Its mirror may be a nearer one, and its proxy is apt's own setting; neither is written into the root.
    return [
        "mmdebstrap",
        "--mode=root",
        "--architectures=arm64",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        f"--dpkgopt={recipe.root / DPKG}",
        "--dpkgopt=force-confold",  # our files stand there first
        f"--essential-hook=copy-in {recipe.root / INITRAMFS} /etc",
        f"--keyring={os.fspath(tools.KEYRING)}",
        SUITE,
        output,
        *sources,
    ]
