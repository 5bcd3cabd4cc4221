"""`hallpass image verify`: look into an image for what must not be there, and for what must."""

from pathlib import Path

import click

from appliance.errors import HallpassError
from appliance.image import verify
from appliance.image.reader import open_image


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
def command(image: Path) -> None:
    """Check an image (.img, .img.xz or .img.zst) before it goes out.

    Looks at the layout, the file systems, the services, and for keys, passwords and traces of the machine that
    built it. Prints one line a finding, and exits 1 if there is any.
    """
    with open_image(image) as inside:
        wrong = verify.verify_image(inside)
        found = verify.read_versions(inside)
    for finding in wrong:
        click.echo(finding)
    if wrong:
        raise HallpassError(f"{image}: {len(wrong)} finding{'s' if len(wrong) > 1 else ''}; do not flash it")
    click.echo(f"{image}: sound; {', '.join(f'{name} {version}' for name, version in found.items() if version)}")
