"""The data of SVCB and HTTPS records (RFC 9460, section 2.2): where they lead, and without the encrypted hello.

A record is malformed that ends within a parameter, that has a key twice, or where the value of a key has not its
form: `mandatory`, `alpn`, `no-default-alpn`, `port` and the hints (sections 7 and 8). Clients must not use any
record beside such a one (section 2.2), and a resolver may fail the question (section 4.2). What clients judge is
passed on: keys out of order, or named by `mandatory` and not there, an encrypted hello, a template, and every key
that is not known here. Of an alias (priority 0) clients ignore the parameters (section 2.4.2): only its hints are
looked at. Whatever the order, each hint is decided before a device sees it.
"""

import socket
import struct
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from dns.errors import MalformedMessage
from dns.message.constants import SvcParamKey
from dns.message.names import LABEL_BYTES
from dns.message.wire_names import name_from_wire

# Plain numbers: an upstream's answer may hold many; see `dns.message.constants`.
_MANDATORY, _IPV4HINT = int(SvcParamKey.MANDATORY), int(SvcParamKey.IPV4HINT)
_ECH, _IPV6HINT = int(SvcParamKey.ECH), int(SvcParamKey.IPV6HINT)
_ALPN, _NO_DEFAULT_ALPN, _PORT = int(SvcParamKey.ALPN), int(SvcParamKey.NO_DEFAULT_ALPN), int(SvcParamKey.PORT)
_ECH_IN_LIST = _ECH.to_bytes(2, "big")
_ALIAS_MODE = b"\0\0"  # the priority of an alias
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
    is_service = not head.startswith(_ALIAS_MODE)
    codes = set[int]()
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedMessage("a parameter without an end")
        code, size = _PARAMETER.unpack_from(data, at)
        at += 4
        if at + size > len(data):
            raise MalformedMessage("a parameter without an end")
        value = data[at : at + size]
        if is_service and (code in codes or not _has_form(code, value)):
            raise MalformedMessage("a parameter that comes twice, or has not its form")
        parameters.append((code, value))
        at += size
        codes.add(code)
    return ServiceBinding(head, target, tuple(parameters))


def _has_form(code: int, value: bytes) -> bool:
    """Tell whether a parameter's value has the form that its key asks for."""
    if code == _ALPN:
        return _is_protocol_list(value)
    if code == _IPV4HINT:
        return bool(value) and not len(value) % 4
    if code == _IPV6HINT:
        return bool(value) and not len(value) % 16
    if code == _PORT:
        return len(value) == 2
    if code == _NO_DEFAULT_ALPN:
        return not value
    return code != _MANDATORY or _is_key_list(value)


def _is_protocol_list(value: bytes) -> bool:
    """Tell whether a value is a list of protocols, each with its length before it (section 7.1.1)."""
    at = 0
    while at < len(value) and value[at]:
        at += value[at] + 1
    return bool(value) and at == len(value)


def _is_key_list(value: bytes) -> bool:
    """Tell whether a value is a list of keys in order, `mandatory` itself not among them (section 8)."""
    keys = [value[at : at + 2] for at in range(0, len(value), 2)]
    ordered = all(one < other for one, other in pairwise(keys))
    return bool(keys) and not len(value) % 2 and keys[0] != b"\0\0" and ordered
