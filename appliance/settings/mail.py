"""[mail] of central's settings: the school's mail server."""

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from appliance.settings.values import is_mail_address

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")  # with two colons: IPv6


class MailSection(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """[mail]: where mail is handed in. Left out: nobody gets any."""

    server: str  # a name or an address
    sender: str  # an address
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_file: Path | None = None
    authority: Path | None = None  # whose certificates are believed; left out: this machine's

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.server):
            raise ValueError(
                f"server: {self.server!r} is no name or address of a server; its port is a key of its own"
            )
        if not is_mail_address(self.sender):
            raise ValueError(f"from: {self.sender!r} is no mail address")
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file belong together")
        is_local = self.server.startswith("127.") or self.server in {"::1", "localhost"}
        if self.username and self.encryption == "none" and not is_local:
            raise ValueError("encryption: a password is not sent without encryption")
