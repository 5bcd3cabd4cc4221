"""Public resolvers that devices and browsers bring along: where they are, by address.

Most of them answer over plain DNS, over TLS (port 853) and over HTTPS (port 443) at the same addresses. No list is
whole; these are the ones that devices, browsers and applications name by themselves.
"""

import msgspec


class PublicResolver(msgspec.Struct, frozen=True):
    """One of them."""

    name: str
    host: str  # as its certificate bears it
    addresses: tuple[str, ...]


PUBLIC_RESOLVERS = (
    PublicResolver("Google", "dns.google", ("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")),
    PublicResolver(
        "Cloudflare", "cloudflare-dns.com", ("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001")
    ),
    PublicResolver("Quad9", "dns.quad9.net", ("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9")),
    PublicResolver(
        "OpenDNS", "doh.opendns.com", ("208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53")
    ),
    PublicResolver(
        "AdGuard",
        "dns.adguard-dns.com",
        ("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff"),
    ),
    PublicResolver("NextDNS", "dns.nextdns.io", ("45.90.28.0", "45.90.30.0", "2a07:a8c0::", "2a07:a8c1::")),
    PublicResolver(
        "Control D", "freedns.controld.com", ("76.76.2.0", "76.76.10.0", "2606:1a40::", "2606:1a40:1::")
    ),
    PublicResolver("Mullvad", "dns.mullvad.net", ("194.242.2.2", "2a07:e340::2")),
    PublicResolver("CleanBrowsing", "doh.cleanbrowsing.org", ("185.228.168.9", "185.228.169.9", "2a0d:2a00:1::2")),
)
