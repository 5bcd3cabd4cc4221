"""Pseudonyms of devices in the log: the same device always has the same one, and none tells its address.

A pseudonym is the first 48 bits of HMAC-SHA-256 (RFC 2104) of the address, with a secret made once for each room.
Which address a pseudonym stands for is kept sealed (AES-256-GCM) under a key made from the same secret: reading
the database tells nobody, and whoever may know asks the recorder, which writes down who asked and why
(`control.LookupRequest`).
"""

import contextlib
import hashlib
import hmac
import secrets
import time
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.room import guarded_file

SECRET_BYTES = 32
_NONCE_BYTES = 12
_MAX_CACHED = 4096


class Pseudonyms:
    """Turns addresses into pseudonyms."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = AESGCM(hmac.new(secret, b"identities", hashlib.sha256).digest())
        self._known: dict[str, str] = {}
        self.new_addresses: dict[str, str] = {}  # pseudonym: address of those that are new; the writer takes them

    @classmethod
    def load_or_create(cls, data: Path) -> "Pseudonyms":
        """Return the room's pseudonyms; makes its secret (readable by its owner alone) where there is none."""
        path = data / "device-tokens.key"
        found = guarded_file.read_guarded_file(path, _is_secret)
        if found.content is not None:
            with contextlib.suppress(OSError):  # a disk that cannot be written: it is repaired at another start
                guarded_file.repair_file(path, _is_secret, time.time(), mode=0o600, is_secret=True)
            return cls(found.content)
        # None yet, or a power cut while it was made: nothing was logged under half a secret.
        secret = secrets.token_bytes(SECRET_BYTES)
        guarded_file.write_guarded_file(path, secret, mode=0o600, is_secret=True)
        return cls(secret)

    def pseudonym_of(self, address: str) -> str:
        """Return the pseudonym of an address: 12 hexadecimal digits."""
        pseudonym = self._known.get(address)
        if pseudonym is None:
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()
            pseudonym = self.compute_pseudonym(address)
            self._known[address] = pseudonym
            self.new_addresses[pseudonym] = address
        return pseudonym

    def compute_pseudonym(self, address: str) -> str:
        """Return the pseudonym of an address that may never have asked anything: nothing of it is kept."""
        return hmac.new(self._secret, address.encode(), hashlib.sha256).hexdigest()[:12]

    def seal_address(self, pseudonym: str, address: str) -> bytes:
        """Return an address as it may be stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, address.encode(), pseudonym.encode())

    def unseal_address(self, pseudonym: str, sealed: bytes) -> str | None:
        """Return the address sealed for a pseudonym, or None where this room's secret does not open it."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], pseudonym.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def _is_secret(content: bytes) -> bool:
    return len(content) >= SECRET_BYTES
