"""How the audit's entries hang together: each holds the hash of the one before and its own.

The hash of an entry is SHA-256, in hexadecimal digits, over these fields, each as a netstring (its length in bytes
as decimal digits, a colon, the bytes, a comma), all texts in UTF-8:

1. `hallpass audit 1`, the name of this encoding;
2. the entry's number, in decimal digits;
3. its time in microseconds since 1970-01-01T00:00:00Z, in decimal digits;
4. who; 5. room; 6. what; 7. detail;
8. the hash of the entry before; of the first entry it is empty.

So no field can run over into the next, and both databases make the same bytes of the same entry.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

ENCODING = "hallpass audit 1"
CHAIN_BEGINS = "audit chain begins"  # what the entry says that stands after those of before there was a chain
DATABASE_RESTORED = "database restored"
NO_HASH = ""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ChainedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, with everything that its hash is of."""

    number: int
    at: datetime
    who: str
    room: str
    what: str
    detail: str
    previous: str  # the hash of the entry before

    def compute_hash(self) -> str:
        """Return the hash that the entry should hold."""
        return hash_fields(self.number, self.at, self.who, self.room, self.what, self.detail, self.previous)


class AuditHead(msgspec.Struct, frozen=True):
    """The newest entry: whoever keeps it can tell later whether anything before it was changed."""

    number: int  # 0: there is no entry yet
    hash: str


def hash_fields(  # noqa: PLR0917 (in the order of the encoding)
    number: int, at: datetime, who: str, room: str, what: str, detail: str, previous: str
) -> str:
    """Return the hash of an entry of these fields. `at` carries its zone."""
    microseconds = (at - _EPOCH) // _MICROSECOND
    fields = (ENCODING, str(number), str(microseconds), who, room, what, detail, previous)
    digest = hashlib.sha256()
    for field in fields:
        content = field.encode(errors="surrogatepass")
        digest.update(b"%d:%b," % (len(content), content))
    return digest.hexdigest()
