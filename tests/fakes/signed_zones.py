"""A small DNS tree signed by the test itself (RFC 4033 to 4035, RFC 6605): root, `example`, and what is below it.

`signed.example` is signed, `unsigned.example` is not: its parent proves so. Everything that can be asked for is in
the zones; a name that is not there gets the same answer as one that has no record of the type.
"""

import base64
import hashlib
import struct
import time
from collections.abc import Iterable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dns.message.constants import RecordType
from dns.message.names import is_under
from dns.message.wire_names import name_to_wire
from tests.fakes.upstream_behaviours import ReceivedQuery, Reply

DS, RRSIG, NSEC, DNSKEY = RecordType.DS, RecordType.RRSIG, RecordType.NSEC, RecordType.DNSKEY
SOA, NS, A = RecordType.SOA, RecordType.NS, RecordType.A
_ALGORITHM = 13  # ECDSA P-256 with SHA-256
_KEY_FLAGS = 257
_TTL = 300
_DAY = 86400

Records = list[bytes]  # the data of the records of one set


class Zone:
    """One zone: its sets of records, and a key where it is signed."""

    def __init__(self, apex: str, *, signed: bool) -> None:
        self.apex = apex
        self.sets: dict[tuple[str, int], Records] = {}
        self._key = ec.generate_private_key(ec.SECP256R1()) if signed else None
        self.sets[apex, SOA] = [name_to_wire(apex) * 2 + struct.pack("!IIIII", 1, 3600, 600, 86400, 60)]
        self.sets[apex, NS] = [name_to_wire("ns.example")]
        if signed:
            self.sets[apex, DNSKEY] = [self.dnskey()]

    def dnskey(self) -> bytes:
        assert self._key is not None
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        return struct.pack("!HBB", _KEY_FLAGS, 3, _ALGORITHM) + point

    def ds(self) -> bytes:
        """Return what the parent says of the key (RFC 4034, section 5.1.4)."""
        digest = hashlib.sha256(name_to_wire(self.apex) + self.dnskey()).digest()
        return struct.pack("!HBB", self._tag(), _ALGORITHM, 2) + digest

    def prove(self, name: str) -> None:
        """Say which types a name has, and that nothing else is there (RFC 4034, section 4)."""
        types = sorted({rtype for owner, rtype in self.sets if owner == name} | {RRSIG, NSEC})
        octets = bytearray(7)
        for rtype in types:
            octets[rtype // 8] |= 0x80 >> rtype % 8
        octets = octets.rstrip(b"\0")  # section 4.1.2
        self.sets[name, NSEC] = [name_to_wire(self.apex) + bytes((0, len(octets))) + bytes(octets)]

    def records(self, name: str, rtype: int) -> list[bytes]:
        """Return a set as it travels, with its signature where the zone has a key."""
        data = sorted(self.sets.get((name, rtype), ()))
        found = [_record(name, rtype, one) for one in data]
        is_delegation = rtype == NS and name != self.apex
        if found and self._key is not None and not is_delegation:
            found.append(_record(name, RRSIG, self._signature(name, rtype, found)))
        return found

    def _signature(self, name: str, rtype: int, found: Iterable[bytes]) -> bytes:
        assert self._key is not None
        now, labels = int(time.time()), len([one for one in name.split(".") if one])
        times = (_TTL, now + _DAY, now - _DAY)
        head = struct.pack("!HBBIIIH", rtype, _ALGORITHM, labels, *times, self._tag()) + name_to_wire(self.apex)
        made = self._key.sign(head + b"".join(found), ec.ECDSA(hashes.SHA256()))
        return head + b"".join(one.to_bytes(32, "big") for one in utils.decode_dss_signature(made))

    def _tag(self) -> int:
        """Return the key's tag (RFC 4034, appendix B)."""
        total = sum(octet << 8 if at % 2 == 0 else octet for at, octet in enumerate(self.dnskey()))
        return (total + (total >> 16)) & 0xFFFF


class SignedTree:
    """The zones, and a behaviour of a fake upstream that answers from them."""

    def __init__(self) -> None:
        root, top = Zone("", signed=True), Zone("example", signed=True)
        signed, unsigned = Zone("signed.example", signed=True), Zone("unsigned.example", signed=False)
        root.sets["example", NS] = top.sets["example", NS]
        root.sets["example", DS] = [top.ds()]
        top.sets["signed.example", NS] = top.sets["unsigned.example", NS] = [name_to_wire("ns.example")]
        top.sets["signed.example", DS] = [signed.ds()]
        for zone in (signed, unsigned):
            for name in (zone.apex, f"www.{zone.apex}"):
                zone.sets[name, A] = [bytes((192, 0, 2, 7))]
        self.zones = (root, top, signed, unsigned)
        for zone in (root, top, signed):
            for name in {name for name, _ in zone.sets}:
                zone.prove(name)

    def anchors(self) -> str:
        """Return the root's key as delv and BIND read it."""
        key = base64.b64encode(self.zones[0].dnskey()[4:]).decode()
        return f'trust-anchors {{ "." static-key {_KEY_FLAGS} 3 {_ALGORITHM} "{key}"; }};\n'

    def behave(self, asked: ReceivedQuery, _: bytes) -> list[Reply]:
        """Answer as a resolver does that has the whole tree."""
        name, qtype = asked.name, int(asked.record.q.qtype)
        zone = self._zone_of(name, qtype)
        answer = zone.records(name, qtype)
        authority = [] if answer else [*zone.records(zone.apex, SOA), *zone.records(name, NSEC)]
        end = asked.message.index(b"\0", 12) + 5
        counts = struct.pack("!HHHH", 1, len(answer), len(authority), 1)
        opt = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"
        return [
            Reply(
                asked.message[:2]
                + b"\x81\x80"
                + counts
                + asked.message[12:end]
                + b"".join((*answer, *authority))
                + opt
            )
        ]

    def _zone_of(self, name: str, qtype: int) -> Zone:
        fitting = [
            zone
            for zone in self.zones
            if not zone.apex or (is_under(name, zone.apex) and not (qtype == DS and name == zone.apex))
        ]
        return max(fitting, key=lambda zone: len(zone.apex))


def _record(name: str, rtype: int, data: bytes) -> bytes:
    return name_to_wire(name) + struct.pack("!HHIH", rtype, 1, _TTL, len(data)) + data
