"""Names that are answered here and nowhere else: the school's own records, the room's own names, private zones.

- The school's records are given in the settings. A name that has records of one type has none of any other type
  (NODATA); its subdomains are not ours unless they are given too. Every address has a PTR record by itself, unless
  one is given.
- The room's own names have the addresses of this machine, as they are at the moment of asking.
- Zones that mean nothing outside a network are empty (RFC 6303, 6761, 6762, 7686, 8375, 9476), so that no question
  about private addresses leaves the room; except those for which the settings name a server of their own. Nor does
  a name of one label.
- `_dns.resolver.arpa` says how this resolver is reached over TLS and HTTPS (RFC 9462), or that it is not; with the
  addresses beside it (section 4). Who knows the resolver by name asks for `_dns.` and that name (section 5).

Answers are made of prepared bytes: owners point to the question's name (RFC 1035, section 4.1.4).
"""

import ipaddress
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from dns.local_zones.private_zones import EMPTY_ZONES, LOCALHOST, SINGLE_LABEL_TYPES
from dns.local_zones.zone_records import DEFAULT_TTL, InvalidRecord, LocalRecord, RecordData, parse_record
from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.names import is_under, parents
from dns.message.parsed_query import Query
from dns.message.response import Response
from dns.message.wire_names import name_from_wire, name_to_wire

OWN_TTL = 60  # the room's own names: its address may change
_ZONE_TTL = 10800  # RFC 6303, section 3
_TOP_LABELS = frozenset(
    zone[zone.rfind(".") + 1 :] for zone in (*EMPTY_ZONES, "localhost")
)  # where our zones hang
_MAX_ALIASES = 8  # aliases of aliases that are followed

_POINTER_TO_QUESTION = b"\xc0\x0c"
_FIXED = struct.Struct("!HHIH")
_SOA_NUMBERS = struct.Struct("!IIIII")


class LocalZones:
    """Everything that is answered here. `forwarded`: domains that have servers of their own."""

    def __init__(
        self,
        records: Iterable[LocalRecord] = (),
        *,
        own_names: Sequence[str] = (),
        own_addresses: Callable[[], Sequence[str]] = tuple,
        forwarded: Sequence[str] = (),
        ddr_records: Sequence[bytes] = (),
    ) -> None:
        self._names: dict[str, dict[int, list[RecordData]]] = {}
        self._own = self._given_own = frozenset(own_names)
        self._own_addresses = own_addresses
        self._empty = frozenset(EMPTY_ZONES) - frozenset(
            zone for zone in EMPTY_ZONES for domain in forwarded if is_under(zone, domain)
        )
        self._forwarded = frozenset(forwarded)
        for record in records:
            name, rtype, data = parse_record(record)
            self._add_record(name, rtype, data)
        self._add_localhost()
        self._add_pointers()
        self._ddr_names: dict[str, None] = {}
        self._external_targets: dict[str, str] = {}
        self.replace_ddr_records(ddr_records)

    def replace_ddr_records(self, services: Sequence[bytes]) -> None:
        """Say from now on that this resolver is reached encrypted so; none: that it is not."""
        for owner in ("resolver.arpa", *self._ddr_names):
            self._names.setdefault(f"_dns.{owner}", {}).pop(RecordType.SVCB, None)
        self._ddr_names = dict.fromkeys(name_from_wire(service, 2) for service in services)
        for service in services:
            for owner in ("resolver.arpa", name_from_wire(service, 2)):
                self._add_record(f"_dns.{owner}", RecordType.SVCB, RecordData(service, DEFAULT_TTL))
        self._own = self._given_own | frozenset(self._ddr_names)
        self._empty_non_terminals = frozenset(
            parent for name in self._names for parent in parents(name) if parent not in self._names
        )
        self._external_targets = {}
        self._external_targets = dict(self._find_external_targets())

    def replace_own_names(self, names: Sequence[str]) -> None:
        """Answer for these names from now on, in the place of those that were given."""
        self._given_own = frozenset(names)
        self._own = self._given_own | frozenset(self._ddr_names)
        self._external_targets = dict(self._find_external_targets())

    def may_hold_name(self, name: str) -> bool:
        """Tell whether a name may be local at all: of nearly every name this is all that is looked at."""
        dot = name.rfind(".")
        return name[dot + 1 :] in _TOP_LABELS or dot < 0 or name in self._names or name in self._own

    def answer_query(self, query: Query) -> Response | None:
        """Return the answer to a question for a local name, or None: the name is not ours."""
        name = query.name
        found = self._names.get(name)
        if found is not None:
            return self._from_records(name, found, query.qtype)
        if name in self._own:
            return self._from_own(name, query.qtype)
        if name[name.rfind(".") + 1 :] not in _TOP_LABELS:
            return self._from_single_label(name, query.qtype)
        if name.endswith(".arpa") and (pointed := self._from_own_pointer(name, query.qtype)) is not None:
            return pointed
        return self._from_zone(name, query.qtype)

    def alias_target(self, name: str) -> str:
        """Return the name elsewhere whose records stand for a local name's, or "": there is none."""
        return self._external_targets.get(name, "")

    def _from_records(self, name: str, found: Mapping[int, list[RecordData]], qtype: int) -> Response | None:
        if qtype not in found and name in self._external_targets:
            return None
        owner = _POINTER_TO_QUESTION
        records: list[bytes] = []
        for _ in range(_MAX_ALIASES):
            if qtype in found or RecordType.CNAME not in found:
                break
            (alias,) = found[RecordType.CNAME]
            records.append(_pack_record(owner, RecordType.CNAME, alias))
            owner = alias.data
            found = self._own_records(alias.target) or self._names.get(alias.target, {})
        records += [_pack_record(owner, qtype, data) for data in found.get(qtype, ())]
        if not records:
            response = _negative_response(Rcode.NOERROR, name.partition(".")[2], OWN_TTL)
            response.is_cacheable = not name.startswith("_dns.")  # a certificate may come at any moment
            return response
        if qtype == RecordType.SVCB:
            return self._response_with_addresses(records)
        return _positive_response(records)

    def _response_with_addresses(self, services: Sequence[bytes]) -> Response:
        """Return services of the room's own, and where they are."""
        beside = [
            _pack_record(name_to_wire(name), rtype, data)
            for name in self._ddr_names
            for rtype, found in (self._own_records(name) or {}).items()
            for data in found
        ]
        response = _positive_response(services)
        response.records += b"".join(beside)
        response.counts = struct.pack("!HHH", len(services), 0, len(beside))
        response.is_cacheable = False  # the machine's address may change
        return response

    def _from_own(self, name: str, qtype: int) -> Response:
        found = self._own_records(name) or {}
        records = [_pack_record(_POINTER_TO_QUESTION, qtype, data) for data in found.get(qtype, ())]
        response = _positive_response(records) if records else _negative_response(Rcode.NOERROR, "", OWN_TTL)
        response.is_cacheable = False  # the machine's address may change
        return response

    def _own_records(self, name: str) -> Mapping[int, list[RecordData]] | None:
        """Return the addresses of a name of the room's own, by type; None for any other name."""
        if name not in self._own:
            return None
        found: dict[int, list[RecordData]] = {RecordType.A: [], RecordType.AAAA: []}
        for text in self._own_addresses():
            address = ipaddress.ip_address(text)
            found[RecordType.A if address.version == 4 else RecordType.AAAA].append(
                RecordData(address.packed, OWN_TTL)
            )
        return found

    def _find_external_targets(self) -> Iterator[tuple[str, str]]:
        """Yield each local alias that ends at a name that is not answered here, with that name."""
        for name, by_type in self._names.items():
            target, hops = name, 0
            while RecordType.CNAME in by_type and hops < _MAX_ALIASES:
                target = by_type[RecordType.CNAME][0].target
                by_type = self._names.get(target, {})  # noqa: PLW2901 (following the aliases)
                hops += 1
            ours = (
                target in self._names or target in self._own or self._from_zone(target, RecordType.A) is not None
            )
            if not ours:
                yield name, target

    def _from_own_pointer(self, name: str, qtype: int) -> Response | None:
        if not self._own:
            return None
        for text in self._own_addresses():
            if ipaddress.ip_address(text).reverse_pointer == name:
                target = RecordData(name_to_wire(min(self._own, key=len)), OWN_TTL)
                response = (
                    _positive_response([_pack_record(_POINTER_TO_QUESTION, RecordType.PTR, target)])
                    if qtype == RecordType.PTR
                    else _negative_response(Rcode.NOERROR, "", OWN_TTL)
                )
                response.is_cacheable = False
                return response
        return None

    def _from_zone(self, name: str, qtype: int) -> Response | None:
        for parent in parents(name):
            if parent in self._forwarded:
                return None
            if parent == "localhost":
                return self._from_records(name, self._names[parent], qtype)
            if parent in self._empty:
                if name == parent and qtype == RecordType.DS and name.endswith(".arpa"):
                    return None  # the parent's to say: it proves that the zone is unsigned (RFC 8375, section 4)
                if name == parent and qtype == RecordType.SOA:
                    return _positive_response(
                        [
                            _pack_record(
                                _POINTER_TO_QUESTION, RecordType.SOA, RecordData(_soa_data(parent), _ZONE_TTL)
                            )
                        ]
                    )
                if name == parent and qtype == RecordType.NS:
                    return _positive_response(
                        [
                            _pack_record(
                                _POINTER_TO_QUESTION, RecordType.NS, RecordData(name_to_wire(parent), _ZONE_TTL)
                            )
                        ]
                    )
                exists = name == parent or name in self._empty_non_terminals
                return _negative_response(Rcode.NOERROR if exists else Rcode.NXDOMAIN, parent, _ZONE_TTL)
        return None

    def _from_single_label(self, name: str, qtype: int) -> Response | None:
        """Return "no such record" for a name without a dot: "no such name" would be said of a whole domain."""
        if not name or "." in name or name in self._forwarded or qtype not in SINGLE_LABEL_TYPES:
            return None
        return _negative_response(Rcode.NOERROR, "", OWN_TTL)

    def _add_record(self, name: str, rtype: int, data: RecordData | None) -> None:
        by_type = self._names.setdefault(name, {})
        if data is not None:
            by_type.setdefault(rtype, []).append(data)
        if RecordType.CNAME in by_type and (len(by_type) > 1 or len(by_type[RecordType.CNAME]) > 1):
            raise InvalidRecord(f"{name}: an alias (CNAME) stands alone; it has no other records")

    def _add_localhost(self) -> None:
        if "localhost" not in self._names:
            for rtype, data in LOCALHOST:
                self._add_record("localhost", rtype, RecordData(data, _ZONE_TTL))

    def _add_pointers(self) -> None:
        """Add a PTR record for each address that has none."""
        given = {name for name in self._names if name.endswith(".arpa")}
        for name, by_type in list(self._names.items()):
            for rtype, family in ((RecordType.A, socket.AF_INET), (RecordType.AAAA, socket.AF_INET6)):
                for address in by_type.get(rtype, ()):
                    pointer = ipaddress.ip_address(socket.inet_ntop(family, address.data)).reverse_pointer
                    if pointer not in given:
                        given.add(pointer)
                        self._add_record(pointer, RecordType.PTR, RecordData(name_to_wire(name), address.ttl))


def _positive_response(records: Sequence[bytes]) -> Response:
    counts = struct.pack("!HHH", len(records), 0, 0)
    response = Response(Rcode.NOERROR, "allowed", records=b"".join(records), counts=counts)
    response.is_cacheable = True
    response.expires_at = float("inf")  # these times to live never count down: we are where they begin
    return response


def _negative_response(rcode: int, zone: str, ttl: int) -> Response:
    """Return NXDOMAIN or NODATA, with the SOA record that lets it be cached (RFC 2308, section 3)."""
    record = _pack_record(name_to_wire(zone), RecordType.SOA, RecordData(_soa_data(zone, ttl), ttl))
    response = Response(rcode, "allowed", records=record, counts=b"\0\0\0\1\0\0")
    response.is_cacheable = True
    response.expires_at = float("inf")
    return response


def _pack_record(owner: bytes, rtype: int, record: RecordData) -> bytes:
    return owner + _FIXED.pack(rtype, RecordClass.IN, record.ttl, len(record.data)) + record.data


def _soa_data(zone: str, minimum: int = _ZONE_TTL) -> bytes:
    """Return the SOA data of an empty zone (RFC 6303, section 3)."""
    return name_to_wire(zone) + name_to_wire("nobody.invalid") + _SOA_NUMBERS.pack(1, 3600, 1200, 604800, minimum)
