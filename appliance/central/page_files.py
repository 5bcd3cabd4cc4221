"""What is handed in as a certificate for pages: looked at at the door, so that no room gets what it cannot use.

Whoever imports this has `cryptography` in its memory, nine megabytes: import it inside the function that needs it.
"""

from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.central.errors import NotPossible
from appliance.central.page_certificates import MAX_FILE_BYTES, HandedIn
from appliance.settings.values import is_host_name

MAX_CHAIN = 6
MAX_LIFE = timedelta(days=3650)  # that is believed: some say the end of the calendar, and mean never
MIN_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_PEM = serialization.Encoding.PEM

PageKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def read_handed_in(certificate: bytes, key: bytes, now: datetime) -> HandedIn:
    """Return what two files (PEM) hold. Raises NotPossible with words that say what is wrong with them."""
    chain = _read_chain(certificate)
    private = _read_key(key)
    _require_own_key(chain, private)
    _require_order(chain)
    for one in chain:
        _require_time(one, now)
    _require_use(chain[0])
    names = _read_names(chain[0])
    plain = serialization.NoEncryption()
    return HandedIn(
        "".join(one.public_bytes(_PEM).decode() for one in chain),
        private.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain).decode(),
        names,
        min(now + MAX_LIFE, *(one.not_valid_after_utc for one in chain)),
    )


def _read_chain(content: bytes) -> list[x509.Certificate]:
    _require_text(content, "certificate")
    try:
        chain = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError, x509.InvalidVersion):
        chain = []
    if not chain:
        raise NotPossible("the certificate's file holds no certificate that can be read (PEM)")
    if len(chain) > MAX_CHAIN:
        raise NotPossible(f"the certificate's file holds {len(chain)} certificates: a chain has two or three")
    try:
        for one in chain:
            _ = (one.public_key(), one.extensions, one.signature_hash_algorithm)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise NotPossible("the certificate's file holds a certificate that is damaged") from None
    return chain


def _read_key(content: bytes) -> PageKey:
    _require_text(content, "key")
    try:
        key = serialization.load_pem_private_key(content, None)
    except TypeError:
        raise NotPossible(
            "the key is encrypted with a password, which no room could type: “openssl pkey -in FILE -out FILE2” "
            "writes it without"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise NotPossible("the key's file holds no private key that can be read (PEM)") from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise NotPossible(f"the key has {key.key_size} bits: browsers take RSA from {MIN_RSA_BITS} bits on")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise NotPossible("the key is of a kind that not every browser takes: have one of RSA or P-256")


def _require_text(content: bytes, what: str) -> None:
    if len(content) > MAX_FILE_BYTES:
        raise NotPossible(f"the {what}'s file is too large to be one: {MAX_FILE_BYTES // 1024} KiB at most")
    if not content.strip():
        raise NotPossible(f"the {what}'s file is empty")


def _require_own_key(chain: list[x509.Certificate], key: PageKey) -> None:
    own = [number for number, one in enumerate(chain) if one.public_key() == key.public_key()]
    if not own:
        raise NotPossible("the key is not the one of this certificate")
    if own[0]:
        raise NotPossible(
            "the certificates stand in the wrong order: first the one of the pages, then whatever signed it"
        )


def _require_order(chain: list[x509.Certificate]) -> None:
    for signed, signer in pairwise(chain):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise NotPossible(
                "the certificates stand in the wrong order, or do not belong together: after each comes the one "
                "that signed it"
            ) from None


def _require_time(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise NotPossible(f"a certificate of the chain ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        raise NotPossible(
            f"a certificate of the chain is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
        )


def _require_use(certificate: x509.Certificate) -> None:
    extensions = certificate.extensions
    if not isinstance(certificate.signature_hash_algorithm, _HASHES):
        raise NotPossible("the certificate is signed in a way that browsers take no more: SHA-256 is needed")
    for constraints in extensions:
        if isinstance(constraints.value, x509.BasicConstraints) and constraints.value.ca:
            raise NotPossible("this is the certificate of an authority: hand in one that it signed for the pages")
        if isinstance(constraints.value, x509.ExtendedKeyUsage) and not {
            ExtendedKeyUsageOID.SERVER_AUTH,
            ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        } & set(constraints.value):
            raise NotPossible("the certificate is for something else than for pages (server authentication)")


def _read_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise NotPossible("the certificate bears no name that browsers read (subject alternative names)") from None
    names = [name.lower().rstrip(".") for name in found.get_values_for_type(x509.DNSName)]
    kept = tuple(name for name in names if "." in name and is_host_name(name.removeprefix("*.")))
    if not kept:
        raise NotPossible("the certificate bears no name of a page, such as room-4.rooms.school.example.org")
    return kept
