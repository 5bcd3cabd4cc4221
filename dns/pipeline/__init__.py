"""The stages of the chain, one a file. Their order, and the reason for it, stands in `dns.resolver`."""
