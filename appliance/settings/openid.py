"""[openid] of central's settings: the school's own sign-in, by which people come to central (OpenID Connect)."""

from pathlib import Path

import msgspec

from appliance.rights import SchoolRole
from appliance.settings.room import CentralLink

CALLBACK_PATH = "/sign-in/openid/back"


class OpenIdSection(msgspec.Struct, frozen=True, kw_only=True):
    """[openid]: the provider, and what of it is believed. Left out: people have passwords of their own."""

    issuer: str  # exactly as the provider writes it
    client_id: str
    client_secret_file: Path | None = None  # left out: a public client, which PKCE alone protects
    label: str = ""  # on the button: "Sign in with ..."; left out: "your school account"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    account_claim: str = "email"  # names the account: "email" by its mail address, any other by its user name
    accept_unverified_email: bool = False  # where the provider never says `email_verified`, and gives only its own
    new_account_role: SchoolRole | None = None  # of accounts made for whoever has none; left out: nobody's is made
    roles_claim: str = ""  # the claim whose words `roles` knows; left out: the provider says nothing of roles
    roles: dict[str, SchoolRole] = {}  # a word of that claim, and the role that it means
    passwords: bool = True  # whether who signed in by the provider may use a password at central's pages as well

    @property
    def words(self) -> str:
        """Return what people sign in with, for them."""
        return self.label or "your school account"

    def __post_init__(self) -> None:
        try:
            CentralLink.check_url(self.issuer)
        except ValueError:
            raise ValueError("issuer: must be https:// (http:// only for this machine itself)") from None
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid has to be one of them")
        if bool(self.roles_claim) != bool(self.roles):
            raise ValueError("roles_claim and roles belong together")
        if not self.client_id or not self.account_claim:
            raise ValueError("client_id and account_claim must not be empty")
