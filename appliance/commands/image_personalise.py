"""`hallpass image personalise`: one room's settings and enrolment onto a card, or many rooms' at once."""

import sys
from pathlib import Path

import click

from appliance.card import boot_partition, personalisation
from appliance.card.boot_partition import BootFiles, ImageBootFiles, ImageInvalid, MountedBootFiles
from appliance.card.paths import ENROLMENT_NAME
from appliance.card.personalisation import (
    SETTINGS_NAME,
    PersonalisationError,
    PersonalisationRequest,
    PersonalisedCard,
)
from appliance.commands.options import is_dumb_terminal


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
    common = parse_values(values)
    if image.is_dir():
        if table is not None or output is not None:
            raise click.UsageError(f"{image} is one card: --csv and --output are for images.")
        boot = MountedBootFiles(image)
        [card] = personalisation.prepare_cards(
            [_request_from_options(room, bundle, common)],
            read_template(boot, image),
            boot.read_file(ENROLMENT_NAME),
        )
        card.write_boot_files(boot)
        click.echo(f"{image}: {card.room}")
        return
    boot_partition.require_tools()
    requests = (
        personalisation.read_request_csv(table) if table is not None else [_request_from_options(room, bundle, {})]
    )
    requests = [_with_common_values(request, common) for request in requests]
    folder = (output or Path("cards")) if table is not None else (output or image).parent
    _write_images(image, requests, folder, None if table is not None else output)


def _write_images(image: Path, requests: list[PersonalisationRequest], folder: Path, single: Path | None) -> None:
    packed = image.suffix == ".xz"
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / f".{image.stem}.unpacked" if packed else image
    try:
        if packed:
            with click.progressbar(
                length=image.stat().st_size, label="unpacking", file=sys.stderr, hidden=is_dumb_terminal()
            ) as bar:
                boot_partition.unpack_image(image, raw, bar.update)
        boot = ImageBootFiles(raw)
        cards = personalisation.prepare_cards(requests, read_template(boot, image), boot.read_file(ENROLMENT_NAME))
        targets = [single or folder / f"{_stem(image)}-{card.host_name}.img" for card in cards]
        there = [f"{target}: exists already; remove it, or name another" for target in targets if target.exists()]
        if there:
            raise PersonalisationError(there)
        with click.progressbar(
            list(zip(cards, targets, strict=True)),
            label="writing",
            file=sys.stderr,
            hidden=is_dumb_terminal(),
            item_show_func=lambda pair: pair[0].room if pair else "",
        ) as bar:
            for card, target in bar:
                _write_image(card, raw, target)
    finally:
        if packed:
            raw.unlink(missing_ok=True)
    for card, target in zip(cards, targets, strict=True):
        click.echo(f"{target}: {card.room}")


def _write_image(card: PersonalisedCard, image: Path, target: Path) -> None:
    """Make one card's image: under another name until it is whole, for its owner alone, since it holds a token."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.touch(mode=0o600)
        boot_partition.copy_image(image, part)
        card.write_boot_files(ImageBootFiles(part))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def read_template(boot: BootFiles, where: Path) -> bytes:
    """Return the settings file of a card. Raises ImageInvalid: that is none."""
    content = boot.read_file(SETTINGS_NAME)
    if content is None:
        raise ImageInvalid(f"{where}: is no boot partition of a card of Hallpass: there is no {SETTINGS_NAME}")
    return content


def _request_from_options(room: str | None, bundle: Path | None, values: dict[str, str]) -> PersonalisationRequest:
    return PersonalisationRequest(where="", room=(room or "").strip(), enrolment=bundle, values=values)


def _with_common_values(request: PersonalisationRequest, common: dict[str, str]) -> PersonalisationRequest:
    return PersonalisationRequest(
        where=request.where, room=request.room, enrolment=request.enrolment, values=common | request.values
    )


def parse_values(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return what `--set` said, by whole keys."""
    values = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--set")
        values[personalisation.SHORT_KEYS.get(key.strip(), key.strip())] = value.strip()
    return values


def _stem(image: Path) -> str:
    return image.name.removesuffix(".xz").removesuffix(".img")
