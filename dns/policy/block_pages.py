"""Addresses at which public filters explain what they keep closed: an answer that holds one is their refusal.

Seen 2026-11; each is used for nothing else.

===============================  ============================================================================
Cisco Umbrella and OpenDNS       "Cisco Umbrella Block Page IP Addresses"
                                 (https://support.opendns.com/hc/en-us/articles/227986927), as Pi-hole's FTL
                                 has them too
Yandex.DNS "Safe", "Family"      https://yandex.com/support/dns; OONI's list of answers that censor has them
SafeDNS                          https://www.safedns.com; the same list
===============================  ============================================================================
"""

import ipaddress

_PAGES: dict[str, tuple[str, ...]] = {
    "Cisco Umbrella": tuple(f"146.112.61.{last}" for last in range(104, 111)),
    "Yandex.DNS": ("93.158.134.250", "213.180.193.250", "2a02:6b8::b10c:bad", "2a02:6b8::b10c:babe"),
    "SafeDNS": ("195.46.39.1",),
}

# By the address as `socket.inet_ntop` writes it, because every address that an answer gives is looked for.
# Umbrella's stand in AAAA records too, mapped (RFC 4291, section 2.5.5.2).
BLOCK_PAGES = {
    text: filter_name
    for filter_name, pages in _PAGES.items()
    for address in pages
    for text in ((address,) if ":" in address else (address, f"::ffff:{address}"))
}

# The same by the octets of an A or AAAA record.
PACKED_BLOCK_PAGES = frozenset(ipaddress.ip_address(text).packed for text in BLOCK_PAGES)
