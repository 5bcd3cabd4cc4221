"""The certificates of the rooms' authority: its own, central's and the rooms' (RFC 5280), all on the curve P-256.

Whoever imports this has `cryptography` in its memory, nine megabytes: import it inside the function that needs it.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.central.errors import NotPossible
from appliance.central.x509_builder import begin_certificate, common_name, encode_key, key_usage
from appliance.pinned_tls import server_name

AUTHORITY_LIFE = timedelta(days=20 * 365)
SERVER_LIFE = timedelta(days=400)
ROOM_LIFE = timedelta(days=30)
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
    name = common_name(f"Hallpass rooms {authority_id}")
    usage = {"key_cert_sign": True, "crl_sign": True, "digital_signature": False}
    certificate = (
        begin_certificate(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(authority_id, certificate.public_bytes(_PEM).decode(), encode_key(key).decode())


def sign_server(authority: Issuer, now: datetime) -> bytes:
    """Return a certificate of central's under an authority, with a new key, in one file (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = server_name(authority.id)
    builder = begin_certificate(
        common_name(name), _issuer(authority), key.public_key(), now, SERVER_LIFE
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = _sign(builder, authority, ExtendedKeyUsageOID.SERVER_AUTH)
    return certificate.public_bytes(_PEM) + encode_key(key)


def sign_room(
    authority: Issuer, now: datetime, key: ec.EllipticCurvePublicKey, room_id: int
) -> tuple[str, datetime]:
    """Return a room's certificate (PEM), and when it ends. The name in it is for people who look at it."""
    builder = begin_certificate(common_name(f"room {room_id}"), _issuer(authority), key, now, ROOM_LIFE)
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
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )


def _issuer(authority: Issuer) -> x509.Name:
    return x509.load_pem_x509_certificate(authority.certificate.encode()).subject


def _key_hash(key: ec.EllipticCurvePublicKey) -> str:
    content = key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(content).hexdigest()
