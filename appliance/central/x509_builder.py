"""The parts of which certificates of either authority are put together (RFC 5280): the rooms' and that of pages.

Whoever imports this has `cryptography` in its memory, nine megabytes: import it inside the function that needs it.
Certificates are backdated by an hour, for clocks that differ.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_BACKDATED = timedelta(hours=1)
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def begin_certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    """Return a certificate that has its names, its key and its time, and no extension yet."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )


def key_usage(**used: bool) -> x509.KeyUsage:
    """Return what a key may be used for; what is not named it may not."""
    return x509.KeyUsage(**(dict.fromkeys(_USAGES, False) | used))


def common_name(text: str) -> x509.Name:
    """Return a name that people read."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def encode_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in PEM (PKCS#8), as it is."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
