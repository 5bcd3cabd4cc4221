"""The data of SVCB and HTTPS records (RFC 9460, section 2.2): where they lead, and without the encrypted hello."""

import socket
import struct
from collections.abc import Iterator

import msgspec

from dns.errors import MalformedMessage
from dns.message.constants import SvcParamKey
from dns.message.names import LABEL_BYTES
from dns.message.wire_names import name_from_wire

# Plain numbers: an upstream's answer may hold many; see `dns.message.constants`.
_MANDATORY, _IPV4HINT = int(SvcParamKey.MANDATORY), int(SvcParamKey.IPV4HINT)
_ECH, _IPV6HINT = int(SvcParamKey.ECH), int(SvcParamKey.IPV6HINT)
_ECH_IN_LIST = _ECH.to_bytes(2, "big")
_PARAMETER = struct.Struct("!HH")


class ServiceBinding(msgspec.Struct, frozen=True):
    """One SVCB or HTTPS record."""

    head: bytes  # priority and target, as they stood
    target: str  # "" stands for the owner itself
    params: tuple[tuple[int, bytes], ...]

    def address_hints(self) -> Iterator[str]:
        """Yield every address hint, as text. Raises MalformedMessage."""
        for code, value in self.params:
            if code in {_IPV4HINT, _IPV6HINT}:
                size, family = (4, socket.AF_INET) if code == _IPV4HINT else (16, socket.AF_INET6)
                if len(value) % size:
                    raise MalformedMessage("an address hint of a wrong length")
                for at in range(0, len(value), size):
                    yield socket.inet_ntop(family, value[at : at + size])

    def without_ech(self) -> bytes:
        """Return the record's data without the keys for an encrypted hello.

        Where `mandatory` names them too, they leave that list, or clients would pass over the whole record.
        """
        kept = []
        for code, value in self.params:
            if code == _ECH:
                continue
            if code == _MANDATORY:
                codes = [value[at : at + 2] for at in range(0, len(value), 2)]
                value = b"".join(one for one in codes if one != _ECH_IN_LIST)  # noqa: PLW2901 (filtered)
                if not value:
                    continue
            kept.append(_PARAMETER.pack(code, len(value)) + value)
        return self.head + b"".join(kept)


def parse_service_binding(data: bytes) -> ServiceBinding:
    """Read the data of a record. Raises MalformedMessage."""
    if len(data) < 3:
        raise MalformedMessage("no room for a target")
    target = name_from_wire(data, 2)
    at = 2
    while data[at]:
        if data[at] > LABEL_BYTES:
            raise MalformedMessage("a compressed target")  # RFC 9460, section 2.2: it must not be
        at += data[at] + 1
    at += 1
    head = data[:at]
    parameters = []
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedMessage("a parameter without an end")
        code, size = _PARAMETER.unpack_from(data, at)
        at += 4
        if at + size > len(data):
            raise MalformedMessage("a parameter without an end")
        parameters.append((code, data[at : at + size]))
        at += size
    return ServiceBinding(head, target, tuple(parameters))
