"""Somebody on their way to the school's OpenID provider and back, and whom the provider has proved."""

import secrets
from typing import Any

import msgspec

from appliance.central.errors import CentralError


class ProviderUnavailable(CentralError):
    """The provider does not answer, or not as one."""


class NotBelieved(CentralError):
    """What came back proves nobody; the message is for the technician's log."""


class Journey(msgspec.Struct, frozen=True):
    """What a browser keeps while its owner is at the provider."""

    state: str
    nonce: str
    verifier: str


class Identity(msgspec.Struct, frozen=True):
    """Somebody of whom the provider has proved who they are."""

    issuer: str
    subject: str
    claims: dict[str, Any]


def begin_journey() -> Journey:
    """Return what nobody can guess."""
    return Journey(*(secrets.token_urlsafe(32) for _ in range(3)))
