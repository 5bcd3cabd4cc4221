"""The certificates of the rooms' authority: its own, central's and the rooms' (RFC 5280), all on the curve P-256.

Whoever imports this has `cryptography` in its memory, nine megabytes: import it inside the function that needs it.
Times are backdated by an hour, for clocks that differ.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.central.errors import NotPossible
from appliance.pinned_tls import server_name

AUTHORITY_LIFE = timedelta(days=20 * 365)
SERVER_LIFE = timedelta(days=400)
ROOM_LIFE = timedelta(days=30)
_BACKDATED = timedelta(hours=1)
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


class Issuer(msgspec.Struct, frozen=True):
    """An authority with its key."""

    id: str
    certificate: str  # PEM
    key: str  # PEM, PKCS#8


def make_authority(now: datetime) -> Issuer:
    """Make an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority_id = _key_hash(key.public_key())[:16]
    name = _name(f"Hallpass rooms {authority_id}")
    usage = {"key_cert_sign": True, "crl_sign": True, "digital_signature": False}
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(authority_id, certificate.public_bytes(_PEM).decode(), _key_pem(key))


def sign_server(authority: Issuer, now: datetime) -> bytes:
    """Return a certificate of central's under an authority, with a new key, in one file (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = server_name(authority.id)
    builder = _builder(_name(name), _issuer(authority), key.public_key(), now, SERVER_LIFE).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
    )
    certificate = _sign(builder, authority, ExtendedKeyUsageOID.SERVER_AUTH)
    return certificate.public_bytes(_PEM) + _key_pem(key).encode()


def sign_room(
    authority: Issuer, now: datetime, key: ec.EllipticCurvePublicKey, room_id: int
) -> tuple[str, datetime]:
    """Return a room's certificate (PEM), and when it ends. The name in it is for people who look at it."""
    builder = _builder(_name(f"room {room_id}"), _issuer(authority), key, now, ROOM_LIFE)
    certificate = _sign(builder, authority, ExtendedKeyUsageOID.CLIENT_AUTH)
    return certificate.public_bytes(_PEM).decode(), certificate.not_valid_after_utc


def read_certificate_request(content: bytes) -> tuple[ec.EllipticCurvePublicKey, str]:
    """Return the public key of a signing request (PKCS#10, DER), and its hash.

    Whoever wrote it has the private key. Nothing else in it is heeded. Raises NotPossible.
    """
    try:
        request = x509.load_der_x509_csr(content)
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotPossible("this is no signing request") from None
    if not is_signed:
        raise NotPossible("this signing request was not made by whoever has its key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise NotPossible("a room's key is one on the curve P-256")
    return key, _key_hash(key)


def _sign(builder: x509.CertificateBuilder, authority: Issuer, use: x509.ObjectIdentifier) -> x509.Certificate:
    key = serialization.load_pem_private_key(authority.key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NotPossible("the authority's key is none on the curve P-256")
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )


def _usage(**used: bool) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(every, False) | used))


def _issuer(authority: Issuer) -> x509.Name:
    return x509.load_pem_x509_certificate(authority.certificate.encode()).subject


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_hash(key: ec.EllipticCurvePublicKey) -> str:
    content = key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(content).hexdigest()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain).decode()
