"""The keys of the signed lists, and the root metadata that names them: one file, replaced whole.

Beside each other in one file, so that a machine that stops in the middle of a rotation never has keys that its
root metadata does not name. Private keys (Ed25519, PKCS#8) are sealed with central's key file. The root key
stands here only until somebody has shown that its copy on a stick can be read; from then on it is nowhere on
this machine.
"""

from pathlib import Path

import msgspec

from appliance.central.errors import CentralError
from appliance.files import read_regular_file, write_file_atomically
from dns.errors import DECODING_FAILED

KEYS_FILE = "keys.json"
ONLINE_ROLES = ("targets", "snapshot", "timestamp")


class StoredKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What signs, and what says so."""

    root_version: int
    root_metadata: str  # JSON, as rooms get it
    root_key: str  # sealed; "": it is on its stick alone
    online_keys: dict[str, str]  # by their roles, sealed

    @property
    def is_root_stored(self) -> bool:
        """Whether somebody has shown that the root key stands elsewhere."""
        return not self.root_key


def read_keys(folder: Path) -> StoredKeys | None:
    """Return the keys, or None where there are none yet. Raises CentralError."""
    path = folder / KEYS_FILE
    try:
        return msgspec.json.decode(read_regular_file(path), type=StoredKeys)
    except FileNotFoundError:
        return None
    except DECODING_FAILED:
        raise CentralError(
            f"{path} is damaged: put it back from a backup, or begin anew (hallpass central signatures begin-anew)"
        ) from None
    except OSError as problem:
        raise CentralError(f"{path}: {problem.strerror}") from None


def write_keys(folder: Path, keys: StoredKeys) -> None:
    """Replace the keys. Raises OSError."""
    write_file_atomically(folder / KEYS_FILE, msgspec.json.encode(keys), mode=0o600)
