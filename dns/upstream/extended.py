"""Extended errors in what an upstream sent (RFC 8914): whether it refuses on purpose."""

import struct

from dns.errors import MalformedMessage
from dns.skim import OPT, skim

_EXTENDED_ERROR = 15  # the EDNS option
_OPTION = struct.Struct("!HH")
_BLOCKED, _CENSORED, _FILTERED, _PROHIBITED = 15, 16, 17, 18
_MEANT = frozenset({_BLOCKED, _CENSORED, _FILTERED, _PROHIBITED})


def codes(message: bytes) -> tuple[int, ...]:
    """Return the extended error codes of a message; none where it cannot be read."""
    try:
        options = [record for record in skim(message).additional if record.rtype == OPT]
    except MalformedMessage:
        return ()
    found = []
    for record in options:
        at, end = record.data_at, record.data_at + record.data_bytes
        while at + _OPTION.size <= end:
            code, size = _OPTION.unpack_from(message, at)
            at += _OPTION.size
            if code == _EXTENDED_ERROR and size >= 2 and at + size <= end:
                found.append(int.from_bytes(message[at : at + 2], "big"))
            at += size
    return tuple(found)


def is_meant(message: bytes) -> bool:
    """Tell whether a server failed a question because it keeps the name closed: nobody else may then be asked."""
    return any(code in _MEANT for code in codes(message))
