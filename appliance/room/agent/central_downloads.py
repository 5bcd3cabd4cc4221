"""What comes from central beside the messages of the protocol: lines of its feed, policies, pieces of an index."""

import msgspec

from appliance.protocol import Target


class FeedLine(Target, frozen=True):
    """A target as it came: the policy in it is kept byte for byte, whatever a newer central has put into it."""

    document: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]  # decoded by whoever installs it

    def policy_content(self) -> bytes:
        """Return the policy that came in the line, or nothing."""
        content = bytes(self.document)
        return b"" if content == b"null" else content


class FetchedPolicy(msgspec.Struct, frozen=True):
    """A policy as it was sent, and the digest by which central knows it ("": a central of before)."""

    content: bytes
    digest: str


class PartialIndex(msgspec.Struct, frozen=True):
    """What there is of an index under way."""

    size: int = 0  # bytes
    tag: str = ""  # central's, of the whole: a strong ETag
