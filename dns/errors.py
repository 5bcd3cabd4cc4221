"""What can go wrong while answering: one root, so that a caller can catch the whole family."""


class DnsError(Exception):
    """Something in the DNS layer went wrong; the message says what."""


class MalformedMessage(DnsError):
    """Bytes that are no DNS message (RFC 1035, section 4.1)."""


class InvalidName(DnsError):
    """A text that cannot be a domain name (RFC 1035, section 2.3.4)."""


class UpstreamFailed(DnsError):
    """No upstream gave a usable answer in time."""


class PolicyInvalid(DnsError):
    """A policy document that cannot be used; the message gives every mistake in it."""


class NotASite(InvalidName):
    """A name, or what was written for one, that cannot be opened or closed as a site; the message says why."""


# What msgspec raises for bytes that are not what they should be: its own errors and UnicodeDecodeError, for a text
# that is no UTF-8, are ValueErrors; for thousands of brackets within each other it is the interpreter's own.
DECODING_FAILED = (ValueError, RecursionError)
