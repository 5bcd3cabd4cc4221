"""What holds for remembered answers unless somebody says otherwise: what [dns.cache] says where it is left out.

They stand apart from `dns.cache` because whoever reads settings wants them, and nothing of what the cache brings.
"""

MEGABYTES = 32
MINIMUM_TTL = 0  # seconds
MAXIMUM_TTL = 86_400
STALE_HOURS = 24
