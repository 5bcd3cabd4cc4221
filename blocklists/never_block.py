"""Names that no list can close: without them the appliance, or what the school has set up, stops working.

Kept short on purpose. A school adds its own (its learning platform, its mail) where central knows them.
"""

NEVER_BLOCK = (
    # The machine and the network it stands in.
    "localhost",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "resolver.arpa",
    # Where the appliance gets its time and its updates.
    "pool.ntp.org",
    "deb.debian.org",
    "security.debian.org",
    "archive.raspberrypi.com",
    # Where safe search leads: closing these would close search itself.
    "forcesafesearch.google.com",
    "restrict.youtube.com",
    "restrictmoderate.youtube.com",
    "strict.bing.com",
    "safe.duckduckgo.com",
    "strict-safe-search.ecosia.org",
    "forcesafe.search.brave.com",
    "safesearch.pixabay.com",
    "familysearch.yandex.ru",
)
