"""Devices appear in the log as tokens: the same device always the same one, and no token tells its address.

A token is the first 48 bits of HMAC-SHA-256 (RFC 2104) of the address, with a secret made once for each room.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


class Tokens:
    """Turns addresses into tokens."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._known: dict[str, str] = {}

    @classmethod
    def of_room(cls, data: Path) -> "Tokens":
        """Return the room's tokens; makes its secret (readable by its owner alone) where there is none."""
        path = data / "device-tokens.key"
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            secret = secrets.token_bytes(32)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secret)
            return cls(secret)

    def token(self, address: str) -> str:
        """Return the token of an address: 12 hexadecimal digits."""
        token = self._known.get(address)
        if token is None:
            if len(self._known) >= 4096:
                self._known.clear()
            token = hmac.new(self._secret, address.encode(), hashlib.sha256).hexdigest()[:12]
            self._known[address] = token
        return token
