"""What a trust and the centrals of its schools say to each other.

The trust hands each school one document, signed with a key that the school's central was given when it joined. It
names the trust and the school, so that one school's is nobody else's, and it is numbered within an epoch: a school
takes no document that is older than the one it has. What goes up are numbers: no name of a person, a device, a
room or a site is in `SchoolNumbers`, and no count under five.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Literal

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import AwareDatetime, Digest, Id, LongText, ShortText, SiteName
from dns.errors import DECODING_FAILED

MAX_DOCUMENT_BYTES = 1024 * 1024  # two thousand rules with their notes are a third of it
MAX_ENTRIES = 2000
MAX_CATEGORIES = 200
SIGNED_PREFIX = b"hallpass trust document 1\n"  # no signature of another kind of thing fits
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Cell = Count | None  # None: too few to be told


class TrustRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule of the trust's: locked, or one that a school's own rule for the same name replaces."""

    name: SiteName
    action: Literal["allow", "block"]
    locked: bool = False
    subdomains: bool = True
    category: ShortText = ""
    note: LongText = ""


class TrustSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list to which the trust subscribes its schools."""

    name: ShortText
    category: ShortText
    location: Annotated[str, msgspec.Meta(max_length=1000)]
    format: Annotated[str, msgspec.Meta(max_length=16)] = "auto"
    match: Annotated[str, msgspec.Meta(max_length=16)] = ""
    action: Literal["allow", "block"] = "block"


class TrustDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a trust has laid down for one school."""

    trust: Id
    trust_name: Name
    school: Id
    school_name: Name
    epoch: Count  # another, higher one after each restore of the trust's database
    number: Count  # grows with each change, within an epoch
    is_member: bool = True  # False: the trust has let the school go, and nothing of it holds any more
    locked_categories: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=MAX_CATEGORIES)] = ()
    kept_open: Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()
    rules: Annotated[tuple[TrustRule, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()
    sources: Annotated[tuple[TrustSource, ...], msgspec.Meta(max_length=MAX_ENTRIES)] = ()

    @property
    def age(self) -> tuple[int, int]:
        """Return what grows: of two documents of one school, the later one has the greater."""
        return self.epoch, self.number


class SignedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it travels: its text, byte for byte what was signed."""

    document: Annotated[str, msgspec.Meta(max_length=MAX_DOCUMENT_BYTES, description="A `TrustDocument` as JSON.")]
    signature: Annotated[str, msgspec.Meta(max_length=100, description="Ed25519 over the text; base64.")]

    @property
    def digest(self) -> str:
        """Return by what the text is known."""
        return hashlib.sha256(self.document.encode()).hexdigest()


class SchoolEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What a school's central sends with its one-time token: the hash of the credential that it has made."""

    credential_hash: Digest


class CategoryCell(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a category was refused."""

    category: ShortText
    refused: Cell


class SchoolNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """How a school is, in numbers."""

    version: ShortText
    timezone: ShortText
    rooms: Count
    rooms_in_step: Count
    rooms_silent: Count
    answers: Cell  # of the last seven days
    refused: Cell
    refused_by_category: Annotated[tuple[CategoryCell, ...], msgspec.Meta(max_length=MAX_CATEGORIES)] = ()
    requests_waiting: Cell
    incidents_open: Cell
    lists_built_at: AwareDatetime | None = None
    document: Annotated[str, msgspec.Meta(max_length=64)] = ""  # the digest of the trust's document in force


class TrustInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """What a school's central needs to join, in one file. It is as secret as the token in it."""

    hallpass_trust: int = 1
    trust: Id
    trust_name: Name
    school: Id
    school_name: Name
    url: Name
    token: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{20,100}$")]
    public_key: Annotated[str, msgspec.Meta(max_length=64)]  # Ed25519, base64: what signs the documents
    certificate: Annotated[str, msgspec.Meta(max_length=64 * 1024)] = ""  # PEM; "": an authority known everywhere


class DocumentRefused(HallpassError):
    """A document that the school's central does not take; the message says why, and the last good one holds."""


def sign_document(private_key: bytes, document: TrustDocument) -> SignedDocument:
    """Return a document as it travels. `private_key`: 32 bytes of Ed25519 (RFC 8032)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 (megabytes)

    text = msgspec.json.encode(document)
    made = Ed25519PrivateKey.from_private_bytes(private_key).sign(SIGNED_PREFIX + text)
    return SignedDocument(document=text.decode(), signature=base64.b64encode(made).decode())


def make_document_key() -> tuple[bytes, str]:
    """Return a new private key, and its public one in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 (as above)

    made = Ed25519PrivateKey.generate()
    return made.private_bytes_raw(), base64.b64encode(made.public_key().public_bytes_raw()).decode()


def open_document(public_key: str, signed: SignedDocument) -> TrustDocument:
    """Return what was signed. Raises DocumentRefused where the signature is not the trust's, or for nonsense."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 (as above)

    text = signed.document.encode()
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signed.signature, validate=True), SIGNED_PREFIX + text)
    except (InvalidSignature, binascii.Error, ValueError):
        raise DocumentRefused("its signature is not this trust's") from None
    return read_document(text)


def read_document(text: bytes) -> TrustDocument:
    """Return what a document says. Raises DocumentRefused."""
    try:
        return msgspec.json.decode(text, type=TrustDocument)
    except DECODING_FAILED as problem:
        raise DocumentRefused(f"it cannot be read: {problem}") from None
