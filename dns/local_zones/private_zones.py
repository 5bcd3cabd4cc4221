"""Zones that mean something only within a network, and are empty here unless somebody serves them (RFC 6303)."""

import ipaddress

from dns.message.constants import RecordType

# RFC 6303, sections 4.1 to 4.6 (with RFC 7793: shared address space), written as the networks they stand for.
_NETWORKS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "255.255.255.255/32",
    *(f"172.{second}.0.0/16" for second in range(16, 32)),
    *(f"100.{second}.0.0/16" for second in range(64, 128)),
    "::/128",
    "::1/128",
    "2001:db8::/32",
    "fd00::/8",
    *(f"fe{nibble}0::/12" for nibble in "89ab"),
)


def _reverse_zone(text: str) -> str:
    """Return the reverse zone of a network: an address's reverse name, less the labels that are not fixed."""
    network = ipaddress.ip_network(text)
    per_label = 8 if network.version == 4 else 4
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[(network.max_prefixlen - network.prefixlen) // per_label :])


EMPTY_ZONES = (
    *(_reverse_zone(text) for text in _NETWORKS),
    "test",  # section 6.2
    "invalid",  # section 6.4
    "onion",  # RFC 7686
    "home.arpa",  # RFC 8375
    "6tisch.arpa",  # RFC 9031, section 6
    "eap-noob.arpa",  # RFC 9140, section 5
    "resolver.arpa",  # RFC 9462, section 8.2
    "service.arpa",  # RFC 9665: what devices of a link register with each other (Thread, Matter)
    "alt",  # RFC 9476
    "internal",  # kept for private use (ICANN, 2024)
    "local",  # RFC 6762, section 22.1: asked for on the link, not here
    # RFC 6762, appendix G: nobody's on the internet, and what networks have always used within.
    "corp",
    "home",
    "intranet",
    "lan",
    "private",
    "localdomain",  # what Linux calls a domain that nobody has named
)

# What a name of one label has, or a device looks for under it: only a search list or a mistake asks for these, and
# `wpad` must not be answered by somebody else. Other types are a validator's, about a top-level domain.
SINGLE_LABEL_TYPES = frozenset(
    map(
        int,
        (
            RecordType.A,
            RecordType.AAAA,
            RecordType.CNAME,
            RecordType.HTTPS,
            RecordType.MX,
            RecordType.PTR,
            RecordType.SRV,
            RecordType.SVCB,
            RecordType.TXT,
            RecordType.ANY,
        ),
    )
)

# What "localhost" and every name under it stands for (RFC 6761, section 6.3).
LOCALHOST = (
    (RecordType.A, ipaddress.ip_address("127.0.0.1").packed),
    (RecordType.AAAA, ipaddress.ip_address("::1").packed),
)
