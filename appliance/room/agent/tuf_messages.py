"""What the agent and its process that checks signatures say to each other: a line of JSON each, and files' bytes.

The process has no network of its own. It asks for each file of metadata, and whoever started it fetches that: the
agent from central, as everything else, or from a mirror; a command from a folder.
"""

from typing import Literal

import msgspec

# Why an index is not taken.
Reason = Literal["expired", "older", "foreign", "missing", "damaged", "not-current", "no-trust", "not-checked"]
REASON_WORDS: dict[str, str] = {
    "expired": "the signatures of the school's lists have ended, and central has not renewed them",
    "older": "central offered older lists than it did before: something gave an old answer a second time",
    "foreign": "the school's lists are signed with keys that this room does not trust",
    "missing": "central signed its lists before, and now something of the signatures is missing there",
    "damaged": "the signatures of the school's lists came damaged, or were altered on the way",
    "not-current": "central names lists that are not the ones it has signed",
    "another-file": "the lists that came are not the ones that central has signed",
    "not-checked": "this room could not check the signatures of the school's lists",
    "no-trust": "what this room trusts about the school's lists is damaged on this card",
}


class SignatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be checked."""

    folder: str  # where what was seen before stands
    trusted_root: bytes  # metadata; the chain of roots begins here
    is_first: bool = False  # it is the first that this room sees: nothing was trusted before
    time: float  # what has passed for certain, Unix seconds: what ended before it has ended
    version: str  # the index that central names; "": the one that is signed, whichever it is
    base: str = ""  # the index that the room has


class FileTerms(msgspec.Struct, frozen=True):
    """How a file must be."""

    length: int
    sha256: str


class MetadataRequest(msgspec.Struct, frozen=True, tag="fetch"):
    """The process needs a file of metadata, of at most so many bytes."""

    name: str
    max_bytes: int


class MetadataAnswer(msgspec.Struct, frozen=True):
    """It follows, so many bytes; or there is none."""

    size: int
    is_there: bool = True


class SignaturesGood(msgspec.Struct, frozen=True, tag="result"):
    """The signatures are good, and the index is the one that they name."""

    trusted_root: bytes  # the newest that the chain leads to
    version: str  # of the index
    signed_at: float  # when central said last that this is the index to have, Unix seconds
    whole: FileTerms
    overlay: FileTerms | None  # over the room's base, or by which the index itself stands in layers


class SignaturesBad(msgspec.Struct, frozen=True, tag="failure"):
    """They are not."""

    reason: Reason
    detail: str  # for the log


Message = MetadataRequest | SignaturesGood | SignaturesBad
