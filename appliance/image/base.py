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
    unpack_packages(
        recipe.packages,
        sources,
        unfinished,
        log,
        "--architectures=arm64",
        "--variant=minbase",
        f"--dpkgopt={recipe.root / DPKG}",
        "--dpkgopt=force-confold",  # our files stand there first
        f"--essential-hook=copy-in {recipe.root / INITRAMFS} /etc",
    )
    keep_newest(unfinished, tar)
    return tar


def unpack_packages(
    packages: tuple[str, ...], sources: tuple[str, ...], output: Path, log: Path, *options: str
) -> None:
    """Make a tar of a root with these packages and what they depend on; how, say mmdebstrap's `options`."""
    # Its mirror may be a nearer one, and its proxy is apt's own setting; neither is written into the root.
    command: list[str | Path] = [
        "mmdebstrap",
        "--mode=root",
        "--format=tar",
        f"--include={','.join(packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        *options,
        f"--keyring={os.fspath(tools.KEYRING)}",
        SUITE,
        output,
        *sources,
    ]
    tools.run_tool(command, log=log, env={"SOURCE_DATE_EPOCH": str(EPOCH)})


def keep_newest(unfinished: Path, tar: Path) -> None:
    """Give a finished tar of the cache its name, and remove those of its kind that it takes the place of."""
    unfinished.rename(tar)
    for other in tar.parent.glob(f"{tar.name.partition('-')[0]}-*.tar"):
        if other != tar:
            other.unlink()
