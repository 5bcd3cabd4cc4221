"""Whose account somebody is whom the school's provider has proved.

The first time, a claim names the account: its mail address, which the provider must have checked, or a user name.
From then on the provider's own number for that person counts and nothing else, so an address that is given to
somebody else gives them no account, and one account is never two people's. Nobody gets an account, or a role, that
the settings do not say.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import account_management, accounts, audit
from appliance.central.errors import CentralError, NotPossible
from appliance.central.models import UserRow
from appliance.central.openid_identity import Identity
from appliance.control_characters import find_control_character
from appliance.rights import SCHOOL_ROLES, Role
from appliance.settings.openid import OpenIdSection
from appliance.settings.values import is_mail_address

BY = "OpenID"
_NO_NAME = re.compile(r"[^a-z0-9._-]+")
_MAX_LENGTH = 64


class NoAccount(CentralError):
    """The provider knows them, and central does not; the message is for them."""


def find_or_make_account(
    session: Session, now: datetime, identity: Identity, settings: OpenIdSection
) -> protocol.Account:
    """Return whose account it is, linked for the next time. Raises NoAccount or NotPossible."""
    subject = hash_subject(identity)
    user = session.scalars(select(UserRow).where(UserRow.openid_subject == subject)).one_or_none()
    if user is None:
        user = _find_named(session, identity, settings)
        if user is None:
            user = _make_account(session, now, identity, settings)
        if user.openid_subject:
            raise NoAccount(
                "that account belongs to somebody else of your school's sign-in: please tell your coordinator"
            )
        user.openid_subject = subject
        audit.record_audit(session, now, BY, "linked with the school's sign-in", user.username)
    if accounts.has_ended(user, now):
        raise NoAccount("your account here has ended: please tell your coordinator")
    if settings.roles_claim:
        _take_roles(session, now, user, identity, settings)
    return accounts.to_account(user)


def unlink(session: Session, now: datetime, *, username: str, by: str) -> None:
    """Forget which person of the provider an account is, for the next one. Raises NotFound or NotPossible."""
    user = account_management.get_account(session, username)
    if not user.openid_subject:
        raise NotPossible(f"{user.username} is not linked with the school's sign-in")
    user.openid_subject = ""
    accounts.end_what_was_before(user, now)
    audit.record_audit(session, now, by, "unlinked from the school's sign-in", user.username)


def is_linked(session: Session, username: str) -> bool:
    """Tell whether an account's owner has come by the provider."""
    user = accounts.find_user(session, username)
    return user is not None and bool(user.openid_subject)


def hash_subject(identity: Identity) -> str:
    """Return what the table keeps of the provider's number for somebody (SHA-256, hexadecimal)."""
    return hashlib.sha256(f"{identity.issuer}\x00{identity.subject}".encode(errors="replace")).hexdigest()


def _find_named(session: Session, identity: Identity, settings: OpenIdSection) -> UserRow | None:
    named = _claimed_name(identity, settings)
    if settings.account_claim != "email":
        return accounts.find_user(session, protocol.normalize_username(named))
    found = list(session.scalars(select(UserRow).where(func.lower(UserRow.email) == named.lower())))
    if len(found) > 1:
        raise NoAccount("several accounts have your mail address: please tell your coordinator")
    return found[0] if found else None


def _claimed_name(identity: Identity, settings: OpenIdSection) -> str:
    named = identity.claims.get(settings.account_claim)
    if not isinstance(named, str) or not named or find_control_character(named):
        raise NoAccount("your school's sign-in does not say who you are here: please tell your technician")
    if settings.account_claim == "email":
        is_checked = identity.claims.get("email_verified") is True or settings.accept_unverified_email
        if not is_checked or not is_mail_address(named):
            raise NoAccount("your school's sign-in has not checked your mail address: please tell your technician")
    return named


def _make_account(session: Session, now: datetime, identity: Identity, settings: OpenIdSection) -> UserRow:
    named, roles = _claimed_name(identity, settings), _mapped_roles(identity, settings)
    if not roles and settings.new_account_role is not None and not settings.roles_claim:
        roles = [settings.new_account_role]
    if settings.new_account_role is None or not roles:
        raise NoAccount("there is no account for you here yet: please ask your coordinator for one")
    wanted = protocol.normalize_username(named.partition("@")[0])
    username = _NO_NAME.sub("-", wanted.lower())[:_MAX_LENGTH].strip("-._") or "person"
    if session.get(UserRow, username) is not None:
        raise NoAccount(f"the user name {username} is somebody else's here: please ask your coordinator")
    name = identity.claims.get("name")
    account_management.check_end(now, roles, None)
    is_name = isinstance(name, str) and 0 < len(name) <= 200 and not find_control_character(name)
    user = accounts.add_account(
        session, now, username=username, name=name if is_name and isinstance(name, str) else username, roles=roles,
        password=None, by=BY,
    )  # fmt: skip
    user.email = named if settings.account_claim == "email" else ""
    session.flush()
    return user


def _take_roles(
    session: Session, now: datetime, user: UserRow, identity: Identity, settings: OpenIdSection
) -> None:
    """Give an account the roles that the provider's words mean. Raises NoAccount or NotPossible."""
    roles = _mapped_roles(identity, settings)
    if not roles:
        raise NoAccount("your school's sign-in gives you nothing to do here: please tell your coordinator")
    if roles == user.roles:
        return
    account_management.change_account(
        session, now, username=user.username, name=user.name, roles=roles, ends=user.ends, room_ids=user.room_ids,
        by=BY,
    )  # fmt: skip
    session.flush()
    account_management.require_editor_left(session, now)


def _mapped_roles(identity: Identity, settings: OpenIdSection) -> list[Role]:
    said = identity.claims.get(settings.roles_claim) if settings.roles_claim else None
    words: Iterable[object] = said if isinstance(said, list) else [said]
    meant = {settings.roles[word] for word in words if isinstance(word, str) and word in settings.roles}
    return [role for role in SCHOOL_ROLES if role in meant]
