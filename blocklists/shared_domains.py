"""Domains on which many sites stand: content networks, clouds, what well-known sites deliver from.

For what a room closes by itself (`appliance.room.blocked_tunnels`): closing one of these takes a hundred sites
along, and no pupil has a name server under them. Nothing is said here about whether a school opens them. Those
in which everybody has a domain of their own (``cloudfront.net``, ``github.io``) are public suffixes
(`dns.public_suffix`).
"""

from functools import cache

from blocklists.popular_names import POPULAR_NAMES
from dns.public_suffix import registrable_domain

DELIVERY_DOMAINS = frozenset(
    (
        # Content networks and clouds.
        "akadns.net", "akamai.net", "akamaiedge.net", "akamaihd.net", "akamaized.net", "edgekey.net",
        "edgesuite.net", "amazonaws.com", "azureedge.net", "azurefd.net", "msedge.net", "trafficmanager.net",
        "windows.net", "b-cdn.net", "cdn77.org", "cloudflare.com", "cloudflare.net", "cloudflare-dns.com",
        "cloudfront.net", "edgecastcdn.net", "fastly.net", "fastlylb.net", "footprint.net", "gcdn.co",
        "hwcdn.net", "kxcdn.com", "llnwd.net", "lswcdn.net", "stackpathcdn.com",
        # Google's.
        "1e100.net", "doubleclick.net", "ggpht.com", "googleapis.com", "googlesyndication.com",
        "googletagmanager.com", "googleusercontent.com", "googlevideo.com", "gstatic.com", "gvt1.com",
        "gvt2.com", "youtube-nocookie.com", "ytimg.com",
        # Apple's and Microsoft's.
        "aaplimg.com", "apple-dns.net", "cdn-apple.com", "icloud.com", "icloud-content.com", "itunes.com",
        "mzstatic.com", "bing.com", "live.com", "live.net", "microsoftonline.com", "msftncsi.com", "office.net",
        "office365.com", "sharepoint.com", "skype.com", "windowsupdate.com",
        # Others whose names are made up by machines.
        "adnxs.com", "cdninstagram.com", "discordapp.net", "fbcdn.net", "imgix.net", "jsdelivr.net",
        "nflxvideo.net", "sc-cdn.net", "scdn.co", "tiktokcdn.com", "ttvnw.net", "twimg.com", "unpkg.com",
        "wikimedia.org",
    )
)  # fmt: skip


@cache
def _widely_used() -> frozenset[str]:
    return DELIVERY_DOMAINS | frozenset(filter(None, map(registrable_domain, POPULAR_NAMES)))


def is_widely_used(domain: str) -> bool:
    """Tell whether a registrable domain is a well-known site's, or one on which many sites stand."""
    return domain in _widely_used()
