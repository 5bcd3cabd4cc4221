"""What a room answers by itself, composed from its settings; and how it is reached encrypted (RFC 9462)."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.dns import DnsTlsSection
from appliance.settings.room import RoomSettings
from dns.local_zones.ddr import DesignatedResolver
from dns.local_zones.local_zones import LocalZones
from dns.message.names import canonical
from dns.server.tls import Certificate, CertificateUnusable


def make_local_zones(settings: RoomSettings, addresses: Callable[[], Sequence[str]]) -> LocalZones:
    """Return the room's local names; `addresses` are those of its pages. Raises HallpassError."""
    dns = settings.dns
    own = [*map(str, dns.own_names), canonical(f"{socket.gethostname().partition('.')[0]}.local")]
    designated = None
    if dns.tls is not None:
        name = canonical(dns.tls.name) if dns.tls.name else _read_certificate_name(dns.tls.certificate)
        designated = DesignatedResolver(
            name=name,
            tls_port=dns.tls.listen[0].port if dns.tls.listen else 0,
            https_port=dns.tls.https[0].port if dns.tls.https else 0,
        )
        if name not in own:
            own.append(name)
    return LocalZones(
        dns.record,
        own_names=own,
        own_addresses=addresses,
        forwarded=[str(forward.domain) for forward in dns.forward],
        ddr_records=designated.svcb_records() if designated else (),
    )


def check_certificate_files(encryption: DnsTlsSection | None) -> tuple[Path, Path] | None:
    """Return the files of the room's certificate and its key, having tried them. Raises HallpassError."""
    if encryption is None:
        return None
    try:
        Certificate(encryption.certificate, encryption.key, [], lambda: 0.0)
    except CertificateUnusable as problem:
        raise HallpassError(f"[dns.tls] {problem}") from None
    return encryption.certificate, encryption.key


def _read_certificate_name(file: Path) -> str:
    """Return the first DNS name that a certificate bears. Raises HallpassError."""
    try:
        certificate = x509.load_pem_x509_certificate(read_regular_file(file))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return canonical(names.get_values_for_type(x509.DNSName)[0])
    except OSError as problem:
        raise HallpassError(f"[dns.tls] {file}: {problem.strerror}") from None
    except (ValueError, IndexError, x509.ExtensionNotFound):
        raise HallpassError(f"[dns.tls] {file}: bears no name; say it with name = ...") from None
