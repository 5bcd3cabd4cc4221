"""The school's authority for pages: signs certificates for central's and the rooms' pages, and for nothing else.

It stands apart from whatever rooms trust. Its own certificate bears name constraints (RFC 5280, section 4.2.1.10),
marked critical: names below the school's suffixes, and private addresses. A device that trusts it hands nobody the
power to be another site, whoever gets hold of the key; browsers hold to that, and a test sees Chromium do so.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.central.errors import NotPossible
from appliance.central.x509_builder import begin_certificate, common_name, encode_key, key_usage
from appliance.central.x509_certificates import read_certificate_request
from appliance.files import write_file_atomically
from dns.errors import InvalidName
from dns.policy.site_names import check_opening

AUTHORITY_FILE, KEY_FILE = "pages-authority.pem", "pages-authority.key"
AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397  # more is not taken by every browser
MAX_CERTIFICATE_DAYS = 825
_LOCAL_NAMES = ("local", "home.arpa")  # what rooms are called where nobody gave them a name
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def make_authority(
    folder: Path, now: dt.datetime, *, school: str, suffixes: Sequence[str], networks: Sequence[str] = ()
) -> Path:
    """Make the authority in a folder, once; return the file that devices are given. Raises NotPossible or OSError.

    `suffixes`: below which the school's names are. `networks`: those of its addresses; none: all private ones.
    """
    certificate_file, key_file = folder / AUTHORITY_FILE, folder / KEY_FILE
    if certificate_file.exists() or key_file.exists():
        raise NotPossible(f"there is an authority in {folder} already; devices trust that one")
    if not suffixes:
        raise NotPossible("name at least one suffix of the school's own, such as school.example.org")
    names = [_check_suffix(one) for one in suffixes]
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in (*names, *_LOCAL_NAMES)]
    permitted += [x509.IPAddress(one) for one in _private_networks(networks)]
    key = ec.generate_private_key(ec.SECP256R1())
    title = common_name(f"{school[:40]}: Hallpass pages")
    builder = _begin(title, title, key.public_key(), now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    builder = builder.add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_key(key_file, key)
    write_file_atomically(certificate_file, _pem(builder.sign(key, hashes.SHA256())))
    return certificate_file


def issue_certificate(
    folder: Path, now: dt.datetime, *, names: Sequence[str], output: Path, days: int = CERTIFICATE_DAYS
) -> tuple[Path, Path]:
    """Write a certificate for names and addresses, the first one's, and its key; return both files.

    Raises NotPossible where the authority may not sign for one of them, or cannot be used, and OSError.
    """
    authority, key = _load(folder)
    alternatives = [_alternative(one) for one in names]
    for one, alternative in zip(names, alternatives, strict=True):
        _require_permitted(authority, one, alternative)
    if authority.not_valid_after_utc < now + dt.timedelta(days=days):
        raise NotPossible("the authority ends before that; make another one, and give it to the devices")
    certificate, own_key = sign_certificate(authority, key, now, alternatives=alternatives, days=days)
    output.mkdir(parents=True, exist_ok=True)
    stem = names[0].replace("*", "_").replace(":", "-")
    certificate_file, key_file = output / f"{stem}.pem", output / f"{stem}.key"
    _write_key(key_file, own_key)
    write_file_atomically(certificate_file, _pem(certificate))
    return certificate_file, key_file


def require_permitted_name(folder: Path, name: str) -> None:
    """Raise NotPossible where there is no authority that may sign for a name."""
    authority, _ = _load(folder)
    _require_permitted(authority, name, _alternative(name))


def sign_request(folder: Path, now: dt.datetime, *, name: str, request: bytes) -> str:
    """Return a certificate (PEM) for a name and the key of a signing request (PKCS#10, DER).

    Nothing else in the request is heeded. Raises NotPossible where the authority may not or cannot sign.
    """
    try:
        authority, key = _load(folder)
    except OSError as problem:
        raise NotPossible(f"the authority for pages cannot be read: {problem.strerror}") from None
    alternative = _alternative(name)
    _require_permitted(authority, name, alternative)
    days = min(CERTIFICATE_DAYS, (authority.not_valid_after_utc - now).days)
    if days <= 0:
        raise NotPossible("the authority has ended; make another one, and give it to the devices")
    own_key, _ = read_certificate_request(request)
    builder = _certificate_builder(authority, own_key, now, alternatives=[alternative], days=days)
    return _pem(builder.sign(key, hashes.SHA256())).decode()


def sign_certificate(
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    *,
    alternatives: Sequence[x509.GeneralName],
    days: int,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Sign a certificate for whatever is named: only the authority's own constraints keep devices from it."""
    own_key = ec.generate_private_key(ec.SECP256R1())
    builder = _certificate_builder(authority, own_key.public_key(), now, alternatives=alternatives, days=days)
    return builder.sign(key, hashes.SHA256()), own_key


def _certificate_builder(
    authority: x509.Certificate,
    own_key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    *,
    alternatives: Sequence[x509.GeneralName],
    days: int,
) -> x509.CertificateBuilder:
    issuer_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = _begin(x509.Name([]), authority.subject, own_key, now, days)
    builder = builder.add_extension(
        x509.SubjectAlternativeName(alternatives), critical=True
    )  # no subject beside it
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key)
    return builder.add_extension(issuer, critical=False)


def _load(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY_FILE).read_bytes())
        key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
    except FileNotFoundError as problem:
        raise NotPossible(f"{problem.filename}: there is no such file; make the authority first") from None
    except (ValueError, TypeError):
        raise NotPossible(f"the authority in {folder} is damaged") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise NotPossible(f"{folder / KEY_FILE} is not the key of {AUTHORITY_FILE}")
    return certificate, key


def _check_suffix(text: str) -> str:
    try:
        return check_opening(text.lower().strip("."))
    except InvalidName as problem:
        raise NotPossible(f"{text}: {problem}") from None


def _private_networks(given: Sequence[str]) -> list[IPNetwork]:
    found = []
    for text in given or _PRIVATE:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise NotPossible(f"{text} is no network, such as 192.168.4.0/24") from None
        if not any(network.version == one.version and network.subnet_of(one) for one in _PRIVATE_NETWORKS):  # type: ignore[arg-type]  # of one version by then
            raise NotPossible(f"{text} is not a private network: it may be somebody else's")
        found.append(network)
    return found


_PRIVATE_NETWORKS = tuple(ipaddress.ip_network(one) for one in _PRIVATE)


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    name = text.lower().rstrip(".")
    if not name.isascii() or not all(_is_label(one, n) for n, one in enumerate(name.split("."))):
        raise NotPossible(f"{text} is neither a name nor an address")
    return x509.DNSName(name)


def _is_label(text: str, number: int) -> bool:
    if text == "*":
        return number == 0
    return 0 < len(text) <= 63 and text.replace("-", "a").isalnum() and text[0] != "-" != text[-1]


def _require_permitted(authority: x509.Certificate, text: str, name: x509.GeneralName) -> None:
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    if not _is_permitted(name, constraints):
        raise NotPossible(f"{text} is outside what this authority may sign for: no browser would take it")


def _is_permitted(name: x509.GeneralName, constraints: x509.NameConstraints) -> bool:
    permitted = constraints.permitted_subtrees or []
    if isinstance(name, x509.DNSName):
        suffixes = [one.value for one in permitted if isinstance(one, x509.DNSName)]
        return any(name.value == one or name.value.endswith(f".{one}") for one in suffixes)
    address = ipaddress.ip_address(str(name.value))
    return any(
        address in ipaddress.ip_network(str(one.value)) for one in permitted if isinstance(one, x509.IPAddress)
    )


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    begun = begin_certificate(subject, issuer, key, now, dt.timedelta(days=days))
    return begun.add_extension(identifier, critical=False)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key that its owner alone can read, from its first byte on."""
    write_file_atomically(path, encode_key(key), mode=0o600)
