"""TLS session tickets that every worker of a room can open (RFC 8446, section 4.6.1; RFC 5077).

A device that comes again brings a ticket, and is spared the certificate and its signature. The kernel gives its
connection to any worker, so all seal their tickets with the same keys. These are made by chance, lie in memory
that workers share (never on a disk), and are thrown away after `ROTATION_SECONDS`: whoever reads a worker's memory
later opens no older session of TLS 1.2. A ticket of before then means one whole handshake more, no error.

OpenSSL takes such keys (SSL_CTX_set_tlsext_ticket_keys(3)); Python's `ssl` passes them to nobody. So the pointer
to OpenSSL's context is read out of Python's object, and believed only where OpenSSL says the same of it as Python
does. Where it is not, each worker keeps the keys that OpenSSL made for it: resumption is then a matter of luck.
"""

import contextlib
import ctypes
import fcntl
import logging
import os
import secrets
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache

ROTATION_SECONDS = 4 * 3600.0  # OpenSSL's tickets hold for two hours
_KEY_BYTES = 80  # a name of 16, HMAC's 32 and AES's 32
_STATE = struct.Struct(f"!d{_KEY_BYTES}s")  # when they were made, and the keys
_GET_KEYS, _SET_KEYS = 58, 59  # SSL_CTRL_GET_TLSEXT_TICKET_KEYS, SSL_CTRL_SET_TLSEXT_TICKET_KEYS
_KNOWN_PYTHONS = frozenset(((3, 11), (3, 12), (3, 13)))  # whose object begins with OpenSSL's pointer

_log = logging.getLogger(__name__)


class TicketKeys:
    """The keys of all workers. Made before workers are forked."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds of a clock that all processes of this machine share."""
        self._now = now
        self._file = os.memfd_create("ticket-keys", os.MFD_CLOEXEC)
        os.ftruncate(self._file, _STATE.size)
        self._made_at = 0.0
        self._keys = b""
        self._read_or_make()

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._file)

    def apply_current(self, contexts: Iterable[ssl.SSLContext]) -> None:
        """Have contexts seal tickets with the keys of now, where those that they have are over."""
        if not 0 <= self._now() - self._made_at < ROTATION_SECONDS and self._read_or_make():
            self.apply(contexts)

    def apply(self, contexts: Iterable[ssl.SSLContext]) -> None:
        """Have contexts seal tickets with these keys."""
        for context in contexts:
            if not set_ticket_keys(context, self._keys):
                _log.info("TLS sessions are resumed only by the worker that began them: OpenSSL is not as known")
                return

    def _read_or_make(self) -> bool:
        """Take what another worker made, or make new keys; False: somebody is at it, or nothing is new."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _STATE.size)
        except OSError:
            return False  # next time: a worker that hangs must not make others wait
        try:
            made_at, keys = _STATE.unpack(os.pread(self._file, _STATE.size, 0))
            if not any(keys) or not 0 <= self._now() - made_at < ROTATION_SECONDS:
                made_at, keys = self._now(), secrets.token_bytes(_KEY_BYTES)
                os.pwrite(self._file, _STATE.pack(made_at, keys), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _STATE.size)
        is_new: bool = keys != self._keys
        self._made_at, self._keys = made_at, keys
        return is_new


def set_ticket_keys(context: ssl.SSLContext, keys: bytes) -> bool:
    """Give a context its keys; tell whether it took them."""
    pointer = _openssl_pointer(context)
    if pointer is None:
        return False
    taken: int = _libssl().SSL_CTX_ctrl(pointer, _SET_KEYS, len(keys), keys)
    return taken == 1


def _openssl_pointer(context: ssl.SSLContext) -> int | None:
    """Return the address of OpenSSL's context within Python's, or None where it cannot be known."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in _KNOWN_PYTHONS:
        return None
    try:
        library = _libssl()
        pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
        if pointer is None or library.SSL_CTX_get_options(pointer) != int(context.options):
            return None
        return pointer if library.SSL_CTX_ctrl(pointer, _GET_KEYS, 0, None) == _KEY_BYTES else None
    except (OSError, AttributeError):  # a Python that brings OpenSSL within itself, and shows nothing of it
        return None


@cache
def _libssl() -> ctypes.CDLL:
    """Return the OpenSSL that Python's `ssl` uses."""
    import _ssl  # noqa: PLC0415 (private, and only for its file)

    library = ctypes.CDLL(_ssl.__file__)
    library.SSL_CTX_ctrl.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
    library.SSL_CTX_ctrl.restype = ctypes.c_long
    library.SSL_CTX_get_options.argtypes = (ctypes.c_void_p,)
    library.SSL_CTX_get_options.restype = ctypes.c_uint64
    return library
