"""Certificates for pages as a school gets them from whoever hosts its domain, with a chain and with mistakes."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SUFFIX = "rooms.school.example.org"
_PEM = serialization.Encoding.PEM
_DAY = dt.timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class PagePairs:
    """A root, an authority below it, and what that signs; times are counted from `now`."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self._root_key, self._signer_key = new_key(), new_key()
        root, signer = _name("a root for one test"), _name("what signs below it")
        self._signer_name = signer
        self.root = self._authority(root, root, self._root_key, self._root_key, 1)
        self.signer = self._authority(signer, root, self._signer_key, self._root_key, 0)

    def certificate(
        self,
        *names: str,
        key: Key | PublicKey,
        days: float = 90,
        since: float = -1,
        use: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        is_authority: bool = False,
    ) -> str:
        """Return a certificate (PEM) that holds for so many days from now on."""
        made = self._begin(_name("pages"), self._signer_name, key, days, since)
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            made = made.add_extension(alternatives, critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        return made.sign(self._signer_key, hashes.SHA256()).public_bytes(_PEM).decode()

    def pair(self, *names: str, days: float = 90) -> tuple[str, str]:
        """Return a certificate with its chain, and its key."""
        key = new_key()
        return self.certificate(*names, key=key, days=days) + self.signer, pem_of_key(key)

    def write(self, folder: Path, *names: str, days: float = 90) -> tuple[Path, Path]:
        """Write a certificate with its chain, and its key; return both files."""
        folder.mkdir(exist_ok=True)
        files = folder / "pages.pem", folder / "pages.key"
        for file, content in zip(files, self.pair(*names, days=days), strict=True):
            file.write_text(content)
        return files

    def _authority(self, name: x509.Name, issuer: x509.Name, key: Key, signing: Key, length: int) -> str:
        made = self._begin(name, issuer, key, 3650, -1)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        return made.sign(signing, hashes.SHA256()).public_bytes(_PEM).decode()

    def _begin(
        self, name: x509.Name, issuer: x509.Name, key: Key | PublicKey, days: float, since: float
    ) -> x509.CertificateBuilder:
        public = key.public_key() if isinstance(key, Key) else key
        begin = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
        begin = begin.serial_number(x509.random_serial_number())
        return begin.not_valid_before(self.now + min(since, days - 1) * _DAY).not_valid_after(
            self.now + days * _DAY
        )


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem_of_key(key: Key, password: bytes = b"") -> str:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, how).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
