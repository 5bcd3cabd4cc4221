"""Names by which a network tells its devices not to go past its filter, and how each must be answered.

A canary answered with an address means "encrypted DNS is welcome here", so the form of the answer matters more
than anywhere else: it is the same whatever the profile's refusals look like.
"""

NXDOMAIN = "nxdomain"
NODATA = "nodata"

CANARY_ANSWERS = {
    "use-application-dns.net": NXDOMAIN,  # Firefox turns its own DNS over HTTPS off
    "mask.icloud.com": NXDOMAIN,  # iCloud Private Relay steps back, and says so to its user
    "mask-h2.icloud.com": NXDOMAIN,
    "mask-canary.icloud.com": NXDOMAIN,
    "doh.dns.apple.com": NXDOMAIN,
    "_dns.resolver.arpa": NODATA,  # RFC 9462: this resolver designates no encrypted one
}
