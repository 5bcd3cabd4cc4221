"""How this resolver is reached encrypted, as SVCB records for `_dns.resolver.arpa` (RFC 9461, RFC 9462)."""

import struct

import msgspec

from dns.message.constants import SvcParamKey
from dns.message.wire_names import name_to_wire

_PARAMETER = struct.Struct("!HH")
_TEMPLATE = b"/dns-query{?dns}"  # RFC 9461, section 5


class DesignatedResolver(msgspec.Struct, frozen=True, kw_only=True):
    """Where DNS over TLS and over HTTPS are spoken; a port of 0: that one is not."""

    name: str  # canonical; as the certificate bears it
    tls_port: int = 0
    https_port: int = 0

    def svcb_records(self) -> tuple[bytes, ...]:
        """Return the data of the records, the preferred one first."""
        found: list[bytes] = []
        if self.https_port:
            found.append(
                self._data(len(found) + 1, b"h2", self.https_port, _parameter(SvcParamKey.DOHPATH, _TEMPLATE))
            )
        if self.tls_port:
            found.append(self._data(len(found) + 1, b"dot", self.tls_port, b""))
        return tuple(found)

    def _data(self, priority: int, protocol: bytes, port: int, path: bytes) -> bytes:
        alpn = _parameter(SvcParamKey.ALPN, bytes((len(protocol),)) + protocol)
        return (
            struct.pack("!H", priority)
            + name_to_wire(self.name)
            + alpn
            + _parameter(SvcParamKey.PORT, struct.pack("!H", port))
            + path
        )


def _parameter(code: int, value: bytes) -> bytes:
    return _PARAMETER.pack(code, len(value)) + value
