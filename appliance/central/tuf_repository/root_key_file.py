"""The root key as it stands on a USB stick: PKCS#8, PEM, encrypted with a passphrase."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from appliance.central.backup import check_passphrase
from appliance.central.errors import CentralError, NotPossible
from appliance.central.tuf_repository.repository import to_signer
from appliance.files import read_regular_file, sync_folder

_MAX_BYTES = 16 * 1024


def write_root_key(path: Path, root: CryptoSigner, passphrase: str) -> None:
    """Write the key into a new file. Raises BackupError for a weak passphrase, NotPossible, CentralError."""
    check_passphrase(passphrase)
    key = load_pem_private_key(root.private_bytes, None)
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.absolute().parent)
    except FileExistsError:
        raise NotPossible(f"{path} exists already; name another file: none is ever replaced") from None
    except OSError as problem:
        raise CentralError(f"{path}: {problem.strerror}") from None


def read_root_key(path: Path, passphrase: str) -> CryptoSigner:
    """Return the key. Raises CentralError where it cannot be read, or the passphrase is another one."""
    try:
        content = read_regular_file(path, max_bytes=_MAX_BYTES)
    except OSError as problem:
        raise CentralError(f"{path}: {problem.strerror}") from None
    try:
        return to_signer(content, passphrase.encode())
    except CentralError as problem:
        raise CentralError(f"{path}: {problem}") from None
