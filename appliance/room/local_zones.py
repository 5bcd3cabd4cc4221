"""What a room answers by itself, composed from its settings; and how it is reached encrypted (RFC 9462).

Devices are told of TLS and HTTPS only while there is a certificate to speak them with.
"""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.certificate_validity import names_of_pem
from appliance.files import read_regular_file
from appliance.room.page_certificate import page_name
from appliance.settings.dns import DnsTlsSection
from appliance.settings.room import RoomSettings
from dns.errors import InvalidName
from dns.local_zones.ddr import DesignatedResolver
from dns.local_zones.local_zones import LocalZones
from dns.message.names import canonical
from dns.server.tls import Certificate


def make_local_zones(
    settings: RoomSettings, addresses: Callable[[], Sequence[str]], certificate: Certificate | None = None
) -> LocalZones:
    """Return the room's local names; `addresses` are those of its pages.

    What they say about encryption follows the certificate from then on.
    """
    dns = settings.dns
    zones = LocalZones(
        dns.record,
        own_names=own_names(settings),
        own_addresses=addresses,
        forwarded=[str(forward.domain) for forward in dns.forward],
        ddr_records=_ddr_records(dns.tls, certificate),
    )
    if certificate is not None:
        certificate.on_change = lambda: zones.replace_ddr_records(_ddr_records(dns.tls, certificate))
    return zones


def own_names(settings: RoomSettings) -> tuple[str, ...]:
    """Return the room's own names: those of its settings, and the one that central gave its pages."""
    dns = settings.dns
    own = [*map(str, dns.own_names), canonical(f"{socket.gethostname().partition('.')[0]}.local")]
    if dns.tls is not None and dns.tls.name:
        own.append(canonical(dns.tls.name))
    if name := page_name(settings):
        own.append(canonical(name))
    return tuple(dict.fromkeys(own))


def _ddr_records(encryption: DnsTlsSection | None, certificate: Certificate | None) -> tuple[bytes, ...]:
    if encryption is None or certificate is None or not certificate.is_loaded:
        return ()
    name = canonical(encryption.name) if encryption.name else _read_certificate_name(encryption.certificate)
    certificate.remark = "" if name else f"{encryption.certificate}: bears no name; say it with name = ..."
    if not name:
        return ()
    return DesignatedResolver(
        name=name,
        tls_port=encryption.listen[0].port if encryption.listen else 0,
        https_port=encryption.https[0].port if encryption.https else 0,
    ).svcb_records()


def _read_certificate_name(file: Path) -> str:
    """Return the first DNS name that a certificate bears, or "": there is none."""
    try:
        return canonical(names_of_pem(read_regular_file(file))[0])
    except (OSError, ValueError, IndexError, InvalidName):
        return ""
