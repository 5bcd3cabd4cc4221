"""What follows from a card's settings, as the text of the files that say so. Pure."""

import re
import unicodedata
from typing import Any

import tomli_w

from appliance.card.enrolment_file import EnrolmentFile
from appliance.card.paths import CardPaths
from appliance.card.settings import CardNetwork, CardSettings, CardTime
from appliance.settings.room import RoomSettings

# Where neither hallpass.toml nor the network names a server. Quad9 and Cloudflare's malware-free service.
PUBLIC_UPSTREAMS = ("9.9.9.9", "149.112.112.112", "1.1.1.2")
UNNAMED_ROOM = "unnamed room"
DEFAULT_HOST_NAME = "hallpass"

# Sections that go over into the room's own settings as they are; the card has a say in [room] and [dns].
_SHARED = tuple(
    name
    for name in CardSettings.__struct_fields__
    if name in RoomSettings.__struct_fields__ and name not in {"room", "dns"}
)


def host_name(room: str) -> str:
    """Return a room's name as a host name (RFC 1123): "Room 4" is room-4."""
    plain = unicodedata.normalize("NFKD", room.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-") or DEFAULT_HOST_NAME


def room_name(settings: CardSettings, enrolment: EnrolmentFile | None) -> str:
    """Return what the room is called, or ""."""
    return settings.room.name.strip() or (enrolment.room if enrolment else "")


def room_table(
    table_on_card: dict[str, Any],
    settings: CardSettings,
    enrolment: EnrolmentFile | None,
    upstreams: tuple[str, ...],
    paths: CardPaths,
    *,
    encrypted: bool = False,
) -> dict[str, Any]:
    """Return the room's own settings: what was written on the card, and what the card decides.

    `table_on_card` is the card's file as TOML made it, `settings` the same checked; `upstreams` are those that the
    network offers; `encrypted`: there is a certificate to serve encrypted DNS with.
    """
    table: dict[str, Any] = {name: dict(table_on_card[name]) for name in _SHARED if name in table_on_card}
    table["room"] = {
        "name": room_name(settings, enrolment) or UNNAMED_ROOM,
        "data": str(paths.room_data),
        "run": str(paths.runtime),
    }
    table["dns"] = dict(table_on_card.get("dns", {}))
    if not settings.dns.upstreams:
        table["dns"]["upstreams"] = list(upstreams or PUBLIC_UPSTREAMS)
    if encrypted:
        file = str(paths.certificate_in_use)
        table["dns"]["tls"] = {"certificate": file, "key": file}
    if enrolment is not None:
        table["central"] = {"url": enrolment.url, "token_file": str(paths.token_file)}
        if enrolment.certificate:
            table["central"]["certificate"] = str(paths.authority_file)
        if enrolment.authority:
            table["central"]["authority"] = str(paths.rooms_authority_file)
        table.setdefault("log", {})["key_from_central"] = True
    return table


def encode_room_toml(table: dict[str, Any]) -> bytes:
    """Return a table as a file that says whence it came."""
    return f"# Made of hallpass.toml at every boot: a change here is lost.\n\n{tomli_w.dumps(table)}".encode()


def network_file(link: CardNetwork) -> bytes:
    """Return systemd-networkd's settings for every cable."""
    lines = ["[Match]", "Type=ether", "", "[Network]"]
    lines.append(f"DHCP={_dhcp(link)}")
    for address, gateway in ((link.address, link.gateway), (link.address6, link.gateway6)):
        lines += [f"Address={address}"] if address else []
        lines += [f"Gateway={gateway}"] if gateway else []
    lines.append(f"IPv6AcceptRA={'yes' if link.ipv6 == 'auto' else 'no'}")
    lines.append(f"LinkLocalAddressing={'ipv6' if link.ipv6 == 'auto' else 'no'}")
    # The MAC address tells the card apart: its other marks may be new after each boot.
    lines += ["MulticastDNS=yes", "LLMNR=no", ""]
    lines += ["[DHCPv4]", "ClientIdentifier=mac", "UseHostname=no", "UseDomains=no", ""]
    lines += ["[DHCPv6]", "DUIDType=link-layer", "UseHostname=no", ""]
    return "\n".join(lines).encode()


def time_file(time: CardTime) -> bytes | None:
    """Return systemd-timesyncd's settings, or None: the card's own hold."""
    if not time.servers:
        return None
    return f"[Time]\nNTP={' '.join(map(str, time.servers))}\n".encode()


def hosts_file(name: str) -> bytes:
    """Return the names that this machine knows without asking."""
    return f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n".encode()


def firewall_file(settings: CardSettings, *, encrypted: bool) -> bytes | None:
    """Return the ports to open beside those of every card, or None: there are none."""
    figures = settings.metrics.open_port if settings.metrics is not None else None
    ports = [
        *(["22"] if settings.ssh.keys else []),
        *(["443", "853"] if encrypted else []),
        *([str(figures)] if figures else []),
    ]
    return f"add element inet hallpass open_tcp {{ {', '.join(ports)} }}\n".encode() if ports else None


def authorized_keys_file(settings: CardSettings) -> bytes | None:
    """Return who may come in by SSH, or None: nobody."""
    return "".join(f"{key}\n" for key in settings.ssh.keys).encode() or None


def _dhcp(link: CardNetwork) -> str:
    four = link.address is None
    six = link.ipv6 == "auto" and link.address6 is None
    return {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}[four, six]
