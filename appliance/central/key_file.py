"""A key that stands in a file, outside the database and its backups: who has but one of the two has no secret.

What it seals are the keys of the rooms' logs and what a new card needs (AES-256-GCM; NIST SP 800-38D). What is
sealed names what it is for, so that none can be put in another's place. Several centrals on one database share
the file.
"""

import base64
import binascii
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from appliance.central.errors import CentralError
from appliance.files import one_at_a_time, read_regular_file, sync_folder

FILE_NAME = "wrapping.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
SEALED_MARK = "wrapped:"


class KeyFileUnusable(CentralError):
    """What was sealed cannot be opened: the key file is missing, damaged or another one."""


class KeyFile:
    """The key of one central."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seal(self, purpose: str, secret: str) -> str:
        """Return a secret so that it can be kept in the database. Makes the key where there is none yet.

        Raises KeyFileUnusable.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (megabytes, seldom needed)

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._read_or_create()).encrypt(nonce, secret.encode(), purpose.encode())
        return SEALED_MARK + base64.urlsafe_b64encode(nonce + sealed).decode()

    def unseal(self, purpose: str, sealed: str) -> str:
        """Return what was sealed for a purpose. Raises KeyFileUnusable."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (as above)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (as above)

        try:
            content = base64.urlsafe_b64decode(sealed.removeprefix(SEALED_MARK))
            nonce, ciphertext = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
            return AESGCM(self._read()).decrypt(nonce, ciphertext, purpose.encode()).decode()
        except FileNotFoundError:
            raise KeyFileUnusable(f"{self.path} is missing: put it back from where it was stored apart") from None
        except (InvalidTag, binascii.Error, ValueError):
            raise KeyFileUnusable(f"{self.path} is not the key with which the database was sealed") from None
        except OSError as problem:
            raise KeyFileUnusable(f"{self.path}: {problem.strerror}") from None

    def _read(self) -> bytes:
        content = read_regular_file(self.path)
        key = bytes.fromhex(content.decode("ascii"))
        if len(key) != _KEY_BYTES:
            raise ValueError("too short")
        return key

    def _read_or_create(self) -> bytes:
        try:
            with contextlib.suppress(FileNotFoundError):
                return self._read()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(self.path.parent):  # of processes that start together the first one's key counts
                with contextlib.suppress(FileNotFoundError):
                    return self._read()
                self._create()
            return self._read()
        except ValueError:  # never replaced: what it sealed would be lost
            raise KeyFileUnusable(f"{self.path} is damaged: put it back from where it was stored apart") from None
        except OSError as problem:
            raise KeyFileUnusable(f"{self.path}: {problem.strerror}") from None

    def _create(self) -> None:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")  # its owner's alone
        with os.fdopen(handle, "w") as file:
            file.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(self.path)
        sync_folder(self.path.parent)


def is_sealed(text: str) -> bool:
    """Tell whether a text was sealed with a key file."""
    return text.startswith(SEALED_MARK)
