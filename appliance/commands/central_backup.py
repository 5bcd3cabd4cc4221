"""`hallpass central backup`, `restore`, `backup-verify`: one file that holds a whole central."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

import click

from appliance.central import backup, restoration, service
from appliance.central.backup_file import BackupError, Manifest
from appliance.commands.options import config_option, json_option, print_json
from appliance.commands.progress_bar import progress_bar
from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_NAMED_AT_ONCE = 5


def passphrase_option(function: Any) -> Any:
    """Add the option that names where the passphrase stands."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        help="Where the passphrase stands, alone; left out: it is asked for.",
    )(function)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_option
@config_option("central.toml")
@json_option
def make(file: Path, passphrase_file: Path | None, config: Path, *, as_json: bool) -> None:
    """Write all of central into the new file FILE, encrypted; central may run meanwhile.

    Database, settings, keys and the lists' copies are in it. Without the passphrase nobody can read it.
    """
    settings = load_settings(config, CentralSettings)
    passphrase = _passphrase(passphrase_file, is_new=True)
    central = service.open_central(settings)
    try:
        with progress_bar("backup") as report:
            manifest = backup.make_backup(central, config, file, passphrase, report=report)
    finally:
        central.store.close()
    _print(manifest, file, "holds", as_json=as_json)


@click.command("backup-verify")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_option
@json_option
def verify(file: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Read the whole backup FILE and say whether it can be put back; nothing is changed."""
    with _open(file) as content, progress_bar("check") as report:
        manifest = restoration.verify_backup(content, _passphrase(passphrase_file), report=report)
    _print(manifest, file, "is whole, and holds", as_json=as_json)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_option
@config_option("central.toml")
@json_option
def restore(file: Path, passphrase_file: Path | None, config: Path, *, as_json: bool) -> None:
    """Put the backup FILE back, where there is no central yet: nothing that is there is ever replaced.

    Where there are no settings at --config, those of the backup are put there. Start central afterwards: every
    room looks at everything anew.
    """
    with _open(file) as content, progress_bar("restore") as report:
        manifest = restoration.restore_backup(content, _passphrase(passphrase_file), config, report=report)
    _print(manifest, file, "was put back:", as_json=as_json)


def _passphrase(path: Path | None, *, is_new: bool = False) -> str:
    return ask_passphrase(path, "Passphrase of the backup", is_new=is_new)


def ask_passphrase(path: Path | None, question: str, *, is_new: bool = False) -> str:
    """Return what stands in a file, or what somebody types. Raises HallpassError."""
    if path is None:
        found: str = click.prompt(question, hide_input=True, confirmation_prompt=is_new, err=True)
        return found
    try:
        return read_regular_file(path, max_bytes=4096).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise HallpassError(f"{path}: {getattr(problem, 'strerror', None) or 'is no text'}") from None


@contextmanager
def _open(file: Path) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as content:
            yield content
    except OSError as problem:
        raise BackupError(f"{problem.filename or file}: {problem.strerror}") from None


def _print(manifest: Manifest, file: Path, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(manifest)
        return
    rows, size = sum(manifest.rows.values()), sum(one.size for one in manifest.files)
    click.echo(
        f"{file} {words} {manifest.school}, as of {manifest.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
        f"{rows} rows, {len(manifest.files)} files of {size // 1024} KB"
    )
    if manifest.left_out:
        click.echo(
            f"{', '.join(manifest.left_out[:_NAMED_AT_ONCE])}{' …' if manifest.left_out[_NAMED_AT_ONCE:] else ''} "
            "is not in it: neither a file nor a folder, nor a link to one",
            err=True,
        )
