"""What follows from a card's settings, as the text of the files that say so. Pure."""

import re
import unicodedata
from typing import Any

import tomli_w

from appliance.card.enrolment_file import Bundle
from appliance.card.paths import Places
from appliance.card.settings import CardSettings, Link, Time

# Where neither hallpass.toml nor the network names a server. Quad9 and Cloudflare's malware-free service.
PUBLIC_UPSTREAMS = ("9.9.9.9", "149.112.112.112", "1.1.1.2")
UNNAMED = "unnamed room"
HOST = "hallpass"

_SHARED = ("led", "button", "log", "policy")  # sections that mean the same in a room's own settings


def host_name(room: str) -> str:
    """Return a room's name as a host name (RFC 1123): "Room 4" is room-4."""
    plain = unicodedata.normalize("NFKD", room.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-") or HOST


def room_name(settings: CardSettings, bundle: Bundle | None) -> str:
    """Return what the room is called, or ""."""
    return settings.room.name.strip() or (bundle.room if bundle else "")


def room_table(
    written: dict[str, Any],
    settings: CardSettings,
    bundle: Bundle | None,
    upstreams: tuple[str, ...],
    places: Places,
    *,
    encrypted: bool = False,
) -> dict[str, Any]:
    """Return the room's own settings: what was written on the card, and what the card decides.

    `written` is the card's file as TOML made it, `settings` the same checked; `upstreams` are those that the
    network offers; `encrypted`: there is a certificate to serve encrypted DNS with.
    """
    table: dict[str, Any] = {name: dict(written[name]) for name in _SHARED if name in written}
    table["room"] = {
        "name": room_name(settings, bundle) or UNNAMED,
        "data": str(places.room),
        "run": str(places.run),
    }
    table["dns"] = dict(written.get("dns", {}))
    if not settings.dns.upstreams:
        table["dns"]["upstreams"] = list(upstreams or PUBLIC_UPSTREAMS)
    if encrypted:
        file = str(places.certificate_in_use)
        table["dns"]["tls"] = {"certificate": file, "key": file}
    if bundle is not None:
        table["central"] = {"url": bundle.url, "token_file": str(places.token)}
        if bundle.certificate:
            table["central"]["certificate"] = str(places.authority)
        table.setdefault("log", {})["key_from_central"] = True
    return table


def toml(table: dict[str, Any]) -> bytes:
    """Return a table as a file that says whence it came."""
    return f"# Made of hallpass.toml at every boot: a change here is lost.\n\n{tomli_w.dumps(table)}".encode()


def network_file(link: Link) -> bytes:
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


def time_file(time: Time) -> bytes | None:
    """Return systemd-timesyncd's settings, or None: the card's own hold."""
    if not time.servers:
        return None
    return f"[Time]\nNTP={' '.join(map(str, time.servers))}\n".encode()


def hosts_file(name: str) -> bytes:
    """Return the names that this machine knows without asking."""
    return f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n".encode()


def firewall_file(settings: CardSettings, *, encrypted: bool) -> bytes | None:
    """Return the ports to open beside those of every card, or None: there are none."""
    ports = [*(["22"] if settings.ssh.keys else []), *(["443", "853"] if encrypted else [])]
    return f"add element inet hallpass open_tcp {{ {', '.join(ports)} }}\n".encode() if ports else None


def keys_file(settings: CardSettings) -> bytes | None:
    """Return who may come in by SSH, or None: nobody."""
    return "".join(f"{key}\n" for key in settings.ssh.keys).encode() or None


def _dhcp(link: Link) -> str:
    four = link.address is None
    six = link.ipv6 == "auto" and link.address6 is None
    return {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}[four, six]
