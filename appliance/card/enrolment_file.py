"""A room's enrolment in one file: where central is, whom to trust about it, and the room's token.

Central writes it, a technician carries it unread, the card's first boot takes it. It is as secret as the token in
it. What it holds may grow: unknown keys are passed over, and `hallpass_bundle` grows only where an older card
could no longer follow.
"""

import ipaddress
import ssl
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from appliance.errors import HallpassError
from appliance.settings.room import CentralLink
from appliance.settings.values import is_this_machine
from dns.errors import DECODING_FAILED

FORMAT = 1
MAX_BYTES = 256 * 1024

NonEmptyText = Annotated[str, msgspec.Meta(min_length=1)]


class EnrolmentFileInvalid(HallpassError):
    """A file that is no bundle, or no whole one; the message says why."""


class EnrolmentFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is in it today."""

    hallpass_bundle: int = FORMAT
    room: NonEmptyText
    url: NonEmptyText
    token: Annotated[str, msgspec.Meta(min_length=20, pattern=r"^[A-Za-z0-9_-]+$")]
    certificate: str = ""  # PEM; "": the authorities that every machine trusts
    authority: str = ""  # PEM: central's own for its rooms; "": of before, or there is none yet

    @property
    def central_host(self) -> str:
        """The name or address of central, however the url writes it."""
        host = (urlsplit(self.url).hostname or "").removesuffix(".")
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return host


def encode_enrolment(enrolment: EnrolmentFile) -> bytes:
    """Return a bundle as a file."""
    return msgspec.json.format(msgspec.json.encode(enrolment), indent=1) + b"\n"


def decode_enrolment(content: bytes) -> EnrolmentFile:
    """Read a bundle whole. Raises BundleInvalid."""
    if len(content) > MAX_BYTES:
        raise EnrolmentFileInvalid("is too large for an enrolment bundle")
    if not content.strip(b"\0 \r\n"):
        raise EnrolmentFileInvalid("is empty")
    try:
        enrolment = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=EnrolmentFile)
    except msgspec.ValidationError as problem:
        raise EnrolmentFileInvalid(f"is no enrolment bundle of central's: {problem}") from None
    except DECODING_FAILED:
        raise EnrolmentFileInvalid("is damaged, or no enrolment bundle: fetch it anew from central") from None
    if enrolment.hallpass_bundle > FORMAT:
        raise EnrolmentFileInvalid("was made by a newer central: this card needs a newer image")
    _check_link(enrolment)
    return enrolment


def _check_link(enrolment: EnrolmentFile) -> None:
    try:
        parts = urlsplit(enrolment.url)
    except ValueError as problem:
        raise EnrolmentFileInvalid(f"central's url: {problem}") from None
    if parts.username or parts.query or parts.fragment:
        raise EnrolmentFileInvalid(
            "names no plain address of central: no user, no query and no fragment belong in it"
        )
    try:
        CentralLink.check_url(enrolment.url)
    except ValueError as problem:
        raise EnrolmentFileInvalid(f"central's {problem}") from None
    if is_this_machine(parts.hostname or ""):
        raise EnrolmentFileInvalid(
            f"names central as {parts.hostname}, which on a card is the card itself: set rooms_url (or url) in "
            "[central] of central.toml to where rooms reach central, and make the bundle anew"
        )
    for certificate in filter(None, (enrolment.certificate, enrolment.authority)):
        try:
            ssl.create_default_context(cadata=certificate)
        except (ssl.SSLError, ValueError):
            raise EnrolmentFileInvalid("holds a certificate that cannot be read") from None
