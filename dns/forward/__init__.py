"""Asks other servers: over UDP and TCP, TLS and HTTPS, with health, fail-over and little chance for spoofers."""
