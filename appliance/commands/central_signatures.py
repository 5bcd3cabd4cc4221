"""`hallpass central signatures`: what signs the lists that rooms take, and the root key on its USB stick."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from appliance.central import audit, service
from appliance.central.errors import NotPossible
from appliance.central.log_keys import require_key_of_database
from appliance.central.service import Central
from appliance.central.tuf_repository.signed_state import SignedState
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_backup import ask_passphrase
from appliance.commands.options import config_option, json_option, print_json
from appliance.commands.progress_bar import progress_bar
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

if TYPE_CHECKING:
    from appliance.central.tuf_repository.repository import TufRepository

_QUESTION = "Passphrase of the root key"

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Where the root key's passphrase stands, alone; left out: it is asked for.",
)
file_argument = click.argument("file", type=click.Path(path_type=Path))


class Signatures(msgspec.Struct, frozen=True):
    """What is signed, for programs."""

    signed: SignedState | None
    conditions: list[str]


@click.group("signatures", cls=AnsweringGroup)
def command() -> None:
    """See until when the lists are signed, and look after the keys that sign them."""


@command.command()
@json_option
@config_option("central.toml")
def show(config: Path, *, as_json: bool) -> None:
    """Say what is signed, until when, and whether the root key was stored."""
    with _open(config) as central:
        signer = central.publisher.signer
        found = Signatures(signer.read_state(), signer.list_conditions())
    if as_json:
        print_json(found)
        return
    if found.signed is None:
        click.echo("Nothing is signed yet: the keys are made when central has compiled its lists.")
        return
    click.echo(f"root key {found.signed.root_key_id[:16]}, version {found.signed.root_version}")
    click.echo(f"index {found.signed.index[:16] or 'none'}, files: {len(found.signed.files)}")
    for role, ends in found.signed.expires.items():
        click.echo(f"{role}: until {ends:%Y-%m-%d}")
    for words in found.conditions:
        click.echo(f"! {words}")


@command.command("export-root")
@file_argument
@passphrase_option
@config_option("central.toml")
def export_root(file: Path, passphrase_file: Path | None, config: Path) -> None:
    """Write the root key into the new file FILE, encrypted: on a USB stick that is kept in a safe.

    It stays on this machine until `confirm-root` has read FILE.
    """
    with _open(config) as central:
        from appliance.central.tuf_repository.root_key_file import write_root_key  # noqa: PLC0415 (python-tuf)

        root = _repository(central).unseal_root()
        write_root_key(file, root, ask_passphrase(passphrase_file, _QUESTION, is_new=True))
        _record(central, "root key of the lists exported", file.name)
    click.echo(
        f"The root key is in {file}. Take the stick out and put it in again, then say\n"
        f"  hallpass central signatures confirm-root {file}\n"
        "The key is removed from this machine then. Keep stick and passphrase apart."
    )


@command.command("confirm-root")
@file_argument
@passphrase_option
@config_option("central.toml")
def confirm_root(file: Path, passphrase_file: Path | None, config: Path) -> None:
    """Show that the root key in FILE can be read; it is removed from this machine then."""
    with _open(config) as central:
        from appliance.central.tuf_repository.root_key_file import read_root_key  # noqa: PLC0415 (python-tuf)

        root = read_root_key(file, ask_passphrase(passphrase_file, _QUESTION))
        _repository(central).confirm_root(root)
        _record(central, "root key of the lists confirmed as stored", root.public_key.keyid[:16])
    click.echo("The root key can be read, and stands on this machine no more.")


@command.command()
@click.option(
    "--root-file", type=click.Path(path_type=Path), help="The root key's file; left out: it is still here."
)
@click.option("--root-key", "with_root", is_flag=True, help="Make another root key too, to be stored then.")
@passphrase_option
@config_option("central.toml")
def rotate(root_file: Path | None, passphrase_file: Path | None, config: Path, *, with_root: bool) -> None:
    """Let other keys sign from now on, and the root hold for five more years. Central may run.

    Rooms learn of it by themselves, also those that are off now.
    """
    with _open(config) as central:
        from appliance.central.tuf_repository.root_key_file import read_root_key  # noqa: PLC0415 (python-tuf)

        repository = _repository(central)
        if root_file is None:
            root = repository.unseal_root()
        else:
            root = read_root_key(root_file, ask_passphrase(passphrase_file, _QUESTION))
        if with_root:
            repository.rotate_root_key(root)
        else:
            repository.rotate_online_keys(root)
        _record(central, "keys of the lists rotated", "with the root key" if with_root else "")
    click.echo("Other keys sign the lists from now on; rooms learn of it by themselves.")
    if with_root:
        click.echo("Store the new root key now (hallpass central signatures export-root).")


@command.command("begin-anew")
@click.option("--force", is_flag=True, help="Also where there is a root key: rooms take no lists until told to.")
@config_option("central.toml")
def begin_anew(config: Path, *, force: bool) -> None:
    """Make all keys anew, because the root key is lost or in wrong hands.

    No room believes them by itself: each keeps its lists, and is told to trust the new root by a new card, or on
    its own machine by `hallpass agent trust-new-lists`.
    """
    if not force:
        raise NotPossible(
            "every room would keep the lists that it has until somebody has told it to trust the new root key: "
            "--force does it; where the root key is there, use `rotate --root-key` instead"
        )
    with _open(config) as central:
        _repository(central).begin_anew()
        _record(central, "keys of the lists made anew", "")
    click.echo(
        "Other keys sign the lists from now on, under a new root that no room trusts yet. Store the root key\n"
        "(hallpass central signatures export-root), and enrol each room again, or say on its own machine\n"
        "  hallpass agent trust-new-lists"
    )


@command.command("export-lists")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@config_option("central.toml")
def export_lists(folder: Path, config: Path, *, as_json: bool) -> None:
    """Write the signed lists into FOLDER: for a web server that rooms know as a mirror, or on a USB stick.

    An earlier export is replaced, whole or not at all. Central may run meanwhile. Nothing in it is secret.
    """
    with _open(config) as central, progress_bar("export") as report:
        from appliance.central.tuf_repository import list_export  # noqa: PLC0415 (python-tuf)

        data = central.settings.central.shared_folder
        made = list_export.export_lists(data, central.publisher.signer.folder, folder, central.now(), report)
    if as_json:
        print_json(made)
        return
    click.echo(
        f"{folder} holds the lists {made.index[:12]}: {made.files} files, {made.size // 1024} KB.\n"
        f"Rooms take them until {made.good_until:%Y-%m-%d}; export them again before.\n"
        "For a room without network, on its own machine:\n"
        "  hallpass agent lists-from FOLDER"
    )


@contextmanager
def _open(config: Path) -> Iterator[Central]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        yield central
    finally:
        central.store.close()


def _repository(central: Central) -> "TufRepository":
    from appliance.central.tuf_repository.repository import TufRepository  # noqa: PLC0415 (python-tuf)

    with central.store.read_session() as session:
        require_key_of_database(session, central.keys)
    return TufRepository(central.publisher.signer.folder, central.keys, central.now())


def _record(central: Central, what: str, detail: str) -> None:
    with central.store.write_session(affects_rooms=False) as session:
        audit.record_audit(session, central.now(), audit.COMMAND_LINE, what, detail)
