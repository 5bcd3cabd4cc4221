"""The settings of central's certificates by ACME."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from appliance.settings.room import CentralLink
from appliance.settings.values import is_host_name, is_mail_address

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


class AcmeSection(msgspec.Struct, frozen=True, kw_only=True):
    """[central.acme]: a wildcard for the rooms' pages, from an authority that gives them out by itself (RFC 8555).

    Whoever has the domain's records proves it (DNS-01); putting the record there is the school's own program.
    """

    suffix: str  # the rooms' pages are named below it
    hook: Path  # called with "add" or "remove", the record's name and its value
    terms_agreed: bool  # the authority's, which somebody has read
    directory: str = LETS_ENCRYPT
    email: str = ""  # of whoever the authority should write to
    authority: Path | None = None  # whom to trust about the directory; left out: the machine's own
    publicly_trusted: bool = False  # every browser knows the authority: they are told to insist on HTTPS
    hook_seconds: Annotated[float, msgspec.Meta(ge=1, le=1800)] = 300.0  # within which the record must be there

    def __post_init__(self) -> None:
        if not is_host_name(self.suffix) or "." not in self.suffix:
            raise ValueError(f"suffix: {self.suffix!r} is nothing that rooms could be named below")
        if not self.terms_agreed:
            raise ValueError("terms_agreed: read what the authority asks for, and say true")
        if self.email and not is_mail_address(self.email):
            raise ValueError(f"email: {self.email!r} is no address of mail")
        if not urlsplit(self.directory).hostname:
            raise ValueError(f"directory: {self.directory!r} is no address")
        CentralLink.check_url(self.directory)
