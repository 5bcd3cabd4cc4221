"""How public filters say "I keep this closed" without an extended error (RFC 8914), as far as their answers tell.

=======================  =================================================================================
Quad9                    "no such name" without RA and without an authority section; a name that does not
                         exist comes with both (https://docs.quad9.net/FAQ, "Identifying a Quad9 block",
                         seen 2026-11)
0.0.0.0 and ::           nearly every other: `dns.policy.response_policy`
pages of their own       by their addresses: `dns.policy.block_pages`
=======================  =================================================================================

Only servers that are known to mean it so are believed: an authoritative server never says RA.
"""

import ipaddress

from dns.message.constants import ExtendedErrorCode, Rcode
from dns.message.edns import build_opt_record, encode_extended_error
from dns.message.header import RA, RCODE

QUAD9_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "9.9.9.9",
        "149.112.112.112",
        "9.9.9.11",
        "149.112.112.11",
        "2620:fe::fe",
        "2620:fe::9",
        "2620:fe::11",
        "2620:fe::fe:11",
    )
)
QUAD9_DOMAIN = "quad9.net"

_NXDOMAIN = int(Rcode.NXDOMAIN)
_NO_ANSWER_AND_NO_AUTHORITY = bytes(4)
_REFUSAL = build_opt_record(
    dnssec_ok=False, options=encode_extended_error(ExtendedErrorCode.BLOCKED, "no such name, says Quad9")
)


def is_quad9(host: str, server_name: str = "") -> bool:
    """Tell whether a server, by its address and the name of its certificate, is one of Quad9's."""
    if f".{server_name}".endswith(f".{QUAD9_DOMAIN}"):
        return True
    try:
        return ipaddress.ip_address(host) in QUAD9_ADDRESSES
    except ValueError:
        return f".{host}".endswith(f".{QUAD9_DOMAIN}")


def is_block_signal(message: bytes) -> bool:
    """Tell whether an answer of such a server means that it keeps the name closed."""
    return message[3] & (RA | RCODE) == _NXDOMAIN and message[6:10] == _NO_ANSWER_AND_NO_AUTHORITY


def with_refusal(message: bytes) -> bytes:
    """Return an answer with an extended error that says what it means."""
    count = int.from_bytes(message[10:12], "big") + 1
    return message[:10] + count.to_bytes(2, "big") + message[12:] + _REFUSAL
