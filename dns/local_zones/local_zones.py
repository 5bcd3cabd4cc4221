"""Names that are answered here and nowhere else: the school's own records, the room's own names, private zones.

- The school's records are given in the settings. A name that has records of one type has none of any other type
  (NODATA); its subdomains are not ours unless they are given too. Every address has a PTR record by itself, unless
  one is given.
- The room's own names have the addresses of this machine, as they are at the moment of asking.
- Zones that mean nothing outside a network are empty (RFC 6303, RFC 6761, RFC 8375, RFC 7686), so that no question
  about private addresses leaves the room; except those for which the settings name a server of their own.
- `_dns.resolver.arpa` says how this resolver is reached over TLS and HTTPS (RFC 9462), or that it is not; with the
  addresses beside it (section 4). Who knows the resolver by name asks for `_dns.` and that name (section 5).

Answers are made of prepared bytes: owners point to the question's name (RFC 1035, section 4.1.4).
"""

import ipaddress
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from dns.local_zones.private_zones import EMPTY_ZONES, LOCALHOST
from dns.local_zones.zone_records import DEFAULT_TTL, Data, InvalidRecord, LocalRecord, read_record
from dns.message.names import is_under, parents
from dns.message.response import Answer
from dns.message.wire import (
    AAAA,
    CLASS_IN,
    CNAME,
    NOERROR,
    NS,
    NXDOMAIN,
    PTR,
    SOA,
    SVCB,
    A,
    Query,
    name_at,
    to_wire,
)

OWN_TTL = 60  # the room's own names: its address may change
_ZONE_TTL = 10800  # RFC 6303, section 3
_TOPS = frozenset(zone[zone.rfind(".") + 1 :] for zone in (*EMPTY_ZONES, "localhost"))  # where our zones hang
_ENDINGS = tuple(
    sorted(_TOPS)
)  # whatever hangs there ends so; that others do as well ("noinvalid") costs them a look
_ALIASES = 8  # aliases of aliases that are followed

_POINTER_TO_QUESTION = b"\xc0\x0c"
_FIXED = struct.Struct("!HHIH")
_SOA_NUMBERS = struct.Struct("!IIIII")


class LocalNames:
    """Everything that is answered here. `forwarded`: domains that have servers of their own."""

    def __init__(
        self,
        records: Iterable[LocalRecord] = (),
        *,
        own_names: Sequence[str] = (),
        own_addresses: Callable[[], Sequence[str]] = tuple,
        forwarded: Sequence[str] = (),
        designated: Sequence[bytes] = (),
    ) -> None:
        self._names: dict[str, dict[int, list[Data]]] = {}
        self._own = frozenset(own_names)
        self._own_addresses = own_addresses
        self._empty = frozenset(EMPTY_ZONES) - frozenset(
            zone for zone in EMPTY_ZONES for domain in forwarded if is_under(zone, domain)
        )
        self._forwarded = frozenset(forwarded)
        for record in records:
            name, rtype, data = read_record(record)
            self._add(name, rtype, data)
        self._add_localhost()
        self._add("_dns.resolver.arpa", 0, None)
        self._designated = dict.fromkeys(name_at(service, 2) for service in designated)
        for service in designated:
            for owner in ("resolver.arpa", name_at(service, 2)):
                self._add(f"_dns.{owner}", SVCB, Data(service, DEFAULT_TTL))
        self._add_pointers()
        self._elsewhere: dict[str, str] = {}
        self._between = frozenset(
            parent for name in self._names for parent in parents(name) if parent not in self._names
        )
        self._elsewhere = dict(self._lead_elsewhere())

    def may_know(self, name: str) -> bool:
        """Tell whether a name may be local at all: of nearly every name this is all that is looked at."""
        return name.endswith(_ENDINGS) or name in self._names or name in self._own

    def answer(self, query: Query) -> Answer | None:
        """Return the answer to a question for a local name, or None: the name is not ours."""
        name = query.name
        found = self._names.get(name)
        if found is not None:
            return self._from_records(name, found, query.qtype)
        if name in self._own:
            return self._from_own(name, query.qtype)
        if name[name.rfind(".") + 1 :] not in _TOPS:
            return None
        if name.endswith(".arpa") and (pointed := self._own_pointer(name, query.qtype)) is not None:
            return pointed
        return self._from_zone(name, query.qtype)

    def alias(self, name: str) -> str:
        """Return the name elsewhere whose records stand for a local name's, or "": there is none."""
        return self._elsewhere.get(name, "")

    def _from_records(self, name: str, found: Mapping[int, list[Data]], qtype: int) -> Answer | None:
        if qtype not in found and name in self._elsewhere:
            return None
        owner = _POINTER_TO_QUESTION
        records: list[bytes] = []
        for _ in range(_ALIASES):
            if qtype in found or CNAME not in found:
                break
            (alias,) = found[CNAME]
            records.append(_packed(owner, CNAME, alias))
            owner = alias.data
            found = self._own_records(alias.target) or self._names.get(alias.target, {})
        records += [_packed(owner, qtype, data) for data in found.get(qtype, ())]
        if not records:
            return _nothing(NOERROR, name.partition(".")[2], OWN_TTL)
        if qtype == SVCB:
            return self._with_addresses(records)
        return _answer(records)

    def _with_addresses(self, services: Sequence[bytes]) -> Answer:
        """Return services of the room's own, and where they are."""
        beside = [
            _packed(to_wire(name), rtype, data)
            for name in self._designated
            for rtype, found in (self._own_records(name) or {}).items()
            for data in found
        ]
        answer = _answer(services)
        answer.records += b"".join(beside)
        answer.counts = struct.pack("!HHH", len(services), 0, len(beside))
        answer.replayable = False  # the machine's address may change
        return answer

    def _from_own(self, name: str, qtype: int) -> Answer:
        found = self._own_records(name) or {}
        records = [_packed(_POINTER_TO_QUESTION, qtype, data) for data in found.get(qtype, ())]
        answer = _answer(records) if records else _nothing(NOERROR, "", OWN_TTL)
        answer.replayable = False  # the machine's address may change
        return answer

    def _own_records(self, name: str) -> Mapping[int, list[Data]] | None:
        """Return the addresses of a name of the room's own, by type; None for any other name."""
        if name not in self._own:
            return None
        found: dict[int, list[Data]] = {A: [], AAAA: []}
        for text in self._own_addresses():
            address = ipaddress.ip_address(text)
            found[A if address.version == 4 else AAAA].append(Data(address.packed, OWN_TTL))
        return found

    def _lead_elsewhere(self) -> Iterator[tuple[str, str]]:
        """Yield each local alias that ends at a name that is not answered here, with that name."""
        for name, by_type in self._names.items():
            target, hops = name, 0
            while CNAME in by_type and hops < _ALIASES:
                target = by_type[CNAME][0].target
                by_type = self._names.get(target, {})  # noqa: PLW2901 (following the aliases)
                hops += 1
            ours = target in self._names or target in self._own or self._from_zone(target, A) is not None
            if not ours:
                yield name, target

    def _own_pointer(self, name: str, qtype: int) -> Answer | None:
        if not self._own:
            return None
        for text in self._own_addresses():
            if ipaddress.ip_address(text).reverse_pointer == name:
                target = Data(to_wire(min(self._own, key=len)), OWN_TTL)
                answer = (
                    _answer([_packed(_POINTER_TO_QUESTION, PTR, target)])
                    if qtype == PTR
                    else _nothing(NOERROR, "", OWN_TTL)
                )
                answer.replayable = False
                return answer
        return None

    def _from_zone(self, name: str, qtype: int) -> Answer | None:
        for parent in parents(name):
            if parent in self._forwarded:
                return None
            if parent == "localhost":
                return self._from_records(name, self._names[parent], qtype)
            if parent in self._empty:
                if name == parent and qtype == SOA:
                    return _answer([_packed(_POINTER_TO_QUESTION, SOA, Data(_soa(parent), _ZONE_TTL))])
                if name == parent and qtype == NS:
                    return _answer([_packed(_POINTER_TO_QUESTION, NS, Data(to_wire(parent), _ZONE_TTL))])
                exists = name == parent or name in self._between
                return _nothing(NOERROR if exists else NXDOMAIN, parent, _ZONE_TTL)
        return None

    def _add(self, name: str, rtype: int, data: Data | None) -> None:
        by_type = self._names.setdefault(name, {})
        if data is not None:
            by_type.setdefault(rtype, []).append(data)
        if CNAME in by_type and (len(by_type) > 1 or len(by_type[CNAME]) > 1):
            raise InvalidRecord(f"{name}: an alias (CNAME) stands alone; it has no other records")

    def _add_localhost(self) -> None:
        if "localhost" not in self._names:
            for rtype, data in LOCALHOST:
                self._add("localhost", rtype, Data(data, _ZONE_TTL))

    def _add_pointers(self) -> None:
        """Add a PTR record for each address that has none."""
        given = {name for name in self._names if name.endswith(".arpa")}
        for name, by_type in list(self._names.items()):
            for rtype, family in ((A, socket.AF_INET), (AAAA, socket.AF_INET6)):
                for address in by_type.get(rtype, ()):
                    pointer = ipaddress.ip_address(socket.inet_ntop(family, address.data)).reverse_pointer
                    if pointer not in given:
                        given.add(pointer)
                        self._add(pointer, PTR, Data(to_wire(name), address.ttl))


def _answer(records: Sequence[bytes]) -> Answer:
    counts = struct.pack("!HHH", len(records), 0, 0)
    answer = Answer(NOERROR, "allowed", records=b"".join(records), counts=counts)
    answer.replayable = True
    answer.expires = float("inf")  # these times to live never count down: we are where they begin
    return answer


def _nothing(rcode: int, zone: str, ttl: int) -> Answer:
    """Return NXDOMAIN or NODATA, with the SOA record that lets it be cached (RFC 2308, section 3)."""
    record = _packed(to_wire(zone), SOA, Data(_soa(zone, ttl), ttl))
    answer = Answer(rcode, "allowed", records=record, counts=b"\0\0\0\1\0\0")
    answer.replayable = True
    answer.expires = float("inf")
    return answer


def _packed(owner: bytes, rtype: int, record: Data) -> bytes:
    return owner + _FIXED.pack(rtype, CLASS_IN, record.ttl, len(record.data)) + record.data


def _soa(zone: str, minimum: int = _ZONE_TTL) -> bytes:
    """Return the SOA data of an empty zone (RFC 6303, section 3)."""
    return to_wire(zone) + to_wire("nobody.invalid") + _SOA_NUMBERS.pack(1, 3600, 1200, 604800, minimum)
