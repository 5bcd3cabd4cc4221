"""The process that orders the rooms' certificate: `python -m appliance.central.acme_process CONFIG`.

It hands the certificate in as a person would, checks and all, and says on stdout why where it cannot.
"""

import sys
from pathlib import Path

from appliance.central.acme_order import make_account_key, order_certificate
from appliance.central.acme_renewal import ACCOUNT_FILE, BY, FOLDER
from appliance.central.errors import CentralError
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.page_certificates import hand_in
from appliance.central.page_files import read_handed_in
from appliance.central.service import Central, open_central
from appliance.errors import HallpassError
from appliance.files import one_at_a_time, read_regular_file, write_file_atomically
from appliance.settings.acme import AcmeSection
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_PURPOSE = "ACME account"


def main(config: Path) -> None:
    """Order a certificate, and hand it in."""
    central = open_central(load_settings(config, CentralSettings))
    try:
        settings = central.settings.central.acme
        if settings is None:
            raise CentralError("there is no [central.acme] in the settings")
        folder = central.settings.central.shared_folder / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with one_at_a_time(folder):
            _order(central, settings, folder)
    finally:
        central.store.close()


def _order(central: Central, settings: AcmeSection, folder: Path) -> None:
    with central.store.read_session() as session:
        require_key_of_database(session, central.keys)
    account_key = _read_account_key(central.keys, folder / ACCOUNT_FILE)
    certificate, key = order_certificate(settings, account_key)
    handed = read_handed_in(certificate, key, central.now())
    with central.store.write_session() as session:
        hand_in(
            session, central.keys, central.now(), handed=handed, room=None,
            publicly_trusted=settings.publicly_trusted, by=BY,
        )  # fmt: skip


def _read_account_key(keys: KeyFile, path: Path) -> bytes:
    """Return the key of the account with the authority, which is made once and lies sealed."""
    try:
        return keys.unseal(_PURPOSE, read_regular_file(path).decode("ascii", "replace")).encode()
    except FileNotFoundError:
        made = make_account_key()
        write_file_atomically(path, keys.seal(_PURPOSE, made.decode()).encode(), mode=0o600)
        return made


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (HallpassError, OSError) as problem:
        sys.stdout.write(str(problem))
        sys.exit(1)
