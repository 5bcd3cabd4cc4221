"""Devices appear in the log as tokens: the same device always the same one, and no token tells its address.

A token is the first 48 bits of HMAC-SHA-256 (RFC 2104) of the address, with a secret made once for each room.
Which address a token stands for is kept sealed (AES-256-GCM) under a key made from the same secret: reading the
database tells nobody, and whoever may know asks the recorder, which writes down who asked and why
(`ledger.look_up`).
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_REMEMBERED = 4096


class Tokens:
    """Turns addresses into tokens."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._seal = AESGCM(hmac.new(secret, b"identities", hashlib.sha256).digest())
        self._known: dict[str, str] = {}
        self.met: dict[str, str] = {}  # token: address of those that were not met before; the ledger takes them

    @classmethod
    def of_room(cls, data: Path) -> "Tokens":
        """Return the room's tokens; makes its secret (readable by its owner alone) where there is none."""
        path = data / "device-tokens.key"
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = b""
        if len(secret) < 32:
            # None yet, or a power cut while it was made: nothing was logged under half a secret.
            secret = secrets.token_bytes(32)
            temporary = path.with_suffix(".new")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        return cls(secret)

    def token(self, address: str) -> str:
        """Return the token of an address: 12 hexadecimal digits."""
        token = self._known.get(address)
        if token is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            token = hmac.new(self._secret, address.encode(), hashlib.sha256).hexdigest()[:12]
            self._known[address] = token
            self.met[token] = address
        return token

    def sealed(self, token: str, address: str) -> bytes:
        """Return an address as it may be stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, address.encode(), token.encode())

    def opened(self, token: str, sealed: bytes) -> str | None:
        """Return the address that was sealed for a token, or None where this room's secret does not open it."""
        try:
            return self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], token.encode()).decode()
        except (InvalidTag, ValueError):
            return None
