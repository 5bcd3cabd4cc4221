"""`hallpass image personalise`: one room's settings and enrolment onto a card, or many rooms' at once."""

import sys
from pathlib import Path

import click

from appliance.card import boot_partition, personalisation
from appliance.card.boot_partition import BootFiles, ImageBoot, ImageInvalid, MountedBoot
from appliance.card.personalisation import SETTINGS, Card, NotPersonalised, Wish


@click.command()
@click.argument("image", type=click.Path(path_type=Path, exists=True))
@click.option("--room", help="What the room is called. Left out: as its bundle says.")
@click.option("--bundle", type=click.Path(path_type=Path), help="The enrolment that central made for this room.")
@click.option("--set", "values", metavar="KEY=VALUE", multiple=True, help="A setting, such as network.gateway=….")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Many rooms: room,bundle,address,….")
@click.option("--output", type=click.Path(path_type=Path), help="The image to write; with --csv, a folder.")
def command(
    *,
    image: Path,
    room: str | None,
    bundle: Path | None,
    values: tuple[str, ...],
    table: Path | None,
    output: Path | None,
) -> None:
    """Write rooms' settings and enrolments onto cards.

    IMAGE is an image (.img or .img.xz), which stays as it is, or the mounted boot partition of a flashed card.
    Everything is checked before anything is written.
    """
    if table is not None and (room or bundle):
        raise click.UsageError("--csv names rooms and bundles itself; leave --room and --bundle out.")
    if table is None and not (room or bundle):
        raise click.UsageError("name the room: --room, --bundle or --csv.")
    common = _values(values)
    if image.is_dir():
        if table is not None or output is not None:
            raise click.UsageError(f"{image} is one card: --csv and --output are for images.")
        [card] = personalisation.prepare([_wish(room, bundle, common)], _template(MountedBoot(image), image))
        card.write(MountedBoot(image))
        click.echo(f"{image}: {card.room}")
        return
    boot_partition.require_tools()
    wishes = personalisation.read_csv(table) if table is not None else [_wish(room, bundle, {})]
    wishes = [_with(wish, common) for wish in wishes]
    folder = (output or Path("cards")) if table is not None else (output or image).parent
    _make(image, wishes, folder, None if table is not None else output)


def _make(image: Path, wishes: list[Wish], folder: Path, single: Path | None) -> None:
    packed = image.suffix == ".xz"
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / f".{image.stem}.unpacked" if packed else image
    try:
        if packed:
            with click.progressbar(length=image.stat().st_size, label="unpacking", file=sys.stderr) as bar:
                boot_partition.unpack(image, raw, bar.update)
        cards = personalisation.prepare(wishes, _template(ImageBoot(raw), image))
        targets = [single or folder / f"{_stem(image)}-{card.host}.img" for card in cards]
        there = [f"{target}: exists already; remove it, or name another" for target in targets if target.exists()]
        if there:
            raise NotPersonalised(there)
        with click.progressbar(
            list(zip(cards, targets, strict=True)),
            label="writing",
            file=sys.stderr,
            item_show_func=lambda pair: pair[0].room if pair else "",
        ) as bar:
            for card, target in bar:
                _write(card, raw, target)
    finally:
        if packed:
            raw.unlink(missing_ok=True)
    for card, target in zip(cards, targets, strict=True):
        click.echo(f"{target}: {card.room}")


def _write(card: Card, image: Path, target: Path) -> None:
    """Make one card's image: under another name until it is whole, for its owner alone, since it holds a token."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.touch(mode=0o600)
        boot_partition.copy(image, part)
        card.write(ImageBoot(part))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _template(boot: BootFiles, where: Path) -> bytes:
    content = boot.read(SETTINGS)
    if content is None:
        raise ImageInvalid(f"{where}: is no boot partition of a card of Hallpass: there is no {SETTINGS}")
    return content


def _wish(room: str | None, bundle: Path | None, values: dict[str, str]) -> Wish:
    return Wish(where="", room=(room or "").strip(), bundle=bundle, values=values)


def _with(wish: Wish, common: dict[str, str]) -> Wish:
    return Wish(where=wish.where, room=wish.room, bundle=wish.bundle, values=common | wish.values)


def _values(pairs: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--set")
        values[personalisation.SHORT.get(key.strip(), key.strip())] = value.strip()
    return values


def _stem(image: Path) -> str:
    return image.name.removesuffix(".xz").removesuffix(".img")
