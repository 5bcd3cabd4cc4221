"""Where questions come in: over UDP, TCP, TLS and HTTPS."""
