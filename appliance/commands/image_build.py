"""`hallpass image build`: from Debian's packages and our wheel to a card's image, with its steps shown."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from appliance.image import build as image_build
from appliance.image import recipe as recipes
from appliance.image.os_list import format_size

HERE = Path(__file__).parents[2] / "image-build"  # in a clone; an installed wheel brings no recipe


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("dist"), show_default=True,
              help="The folder for the image and what goes with it.")  # fmt: skip
@click.option("--recipe", "folder", type=click.Path(path_type=Path, file_okay=False), default=HERE,
              help="The recipe's folder; by default image-build of this clone.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), default=Path("~/.cache/hallpass"),
              show_default=True, help="Where the base and the wheels are kept between builds.")  # fmt: skip
@click.option("--compress", type=click.Choice(["xz", "zstd", "none"]), default="xz", show_default=True,
              help="How the image is packed: small, or quickly.")  # fmt: skip
@click.option("--mirror", help="Debian's archive; by default the one that this machine's apt uses.")
@click.option("--security-mirror", help="The same for Debian's security updates.")
@click.option(
    "--lists",
    "set_id",
    default="",
    metavar="SET",
    help="Bring today's lists of a ready-made set (primary-school, secondary-school, staff, light).",
)
@click.option(
    "--lists-from",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take copies of those lists from this folder, named by their ids, and not from the network.",
)
@click.option("--interpreted", is_flag=True,
              help="Put Hallpass on the card as it runs everywhere, without compiling its hot path.")  # fmt: skip
@click.option("--url", default="", help="From where the image will be served, for os_list.json.")
def command(
    *,
    output: Path,
    folder: Path,
    cache: Path,
    compress: str,
    mirror: str | None,
    security_mirror: str | None,
    set_id: str,
    lists_from: Path | None,
    interpreted: bool,
    url: str,
) -> None:
    """Build the image of the card, the same for every room.

    Takes about half an hour the first time, a few minutes afterwards. Needs root. The same commit, Debian archive
    and SOURCE_DATE_EPOCH (by default the commit's time) give the same bytes.
    """
    if lists_from is not None and not set_id:
        raise click.UsageError("--lists-from says where the lists of --lists are.")
    console = Console(stderr=True)
    recipe = recipes.read_recipe(folder.resolve())
    own = _own_mirrors()
    sources = recipe.sources(
        mirror or own.get("Debian", recipes.MIRROR),
        security_mirror or own.get("Debian-Security", recipes.SECURITY),
    )
    options = image_build.BuildOptions(
        output=output.resolve(), cache=cache.expanduser().resolve(), compress=compress, sources=sources, url=url,
        lists=set_id, list_copies=lists_from, interpreted=interpreted,
    )  # fmt: skip
    began = time.monotonic()
    built = image_build.build_image(recipe, options, partial(_step, console), partial(_warn, console))
    for file in built:
        click.echo(f"{file} ({format_size(file.stat().st_size)})")
    console.print(f"built in {time.monotonic() - began:.0f} s")


def _warn(console: Console, what: str) -> None:
    console.print(f"[yellow]![/] {what}", highlight=False)


@contextlib.contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what}: {time.monotonic() - began:.0f} s", highlight=False)


def _own_mirrors() -> dict[str, str]:
    """Return the archives that this machine's apt knows, by their label; nothing where there is no apt."""
    form = "$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    try:
        said = subprocess.run(
            ["apt-get", "indextargets", "--format", form], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return {}
    found = (line.split("|") for line in said.splitlines())
    return {one[0]: one[2].rstrip("/") for one in found if len(one) == 3 and one[1] == "main"}
