"""Answers questions: wire format, datagrams, cache, the policy decision, upstreams, listeners."""
