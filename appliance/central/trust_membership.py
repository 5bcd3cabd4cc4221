"""The trust that a school belongs to: joining it, keeping what it lays down, and leaving.

What the trust has laid down is one document, kept in the school's own database: a trust that cannot be reached
changes nothing. A document is taken where the trust has signed it, for this school, and where it is no older than
the one that is kept; any other is refused, and the last good one holds. It becomes part of the school's policy
(`appliance.central.trust_policy`).
"""

import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import CentralError, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.models import SourceRow, TrustContactRow, TrustMembershipRow
from appliance.central.trust_database import find_trust
from appliance.settings.room import CentralLink
from appliance.trust_protocol import (
    DocumentRefused,
    SignedDocument,
    TrustDocument,
    TrustInvitation,
    open_document,
    read_document,
)
from dns.errors import DECODING_FAILED

ACTOR = "trust"
FORMAT = 1
MAX_INVITATION_BYTES = 256 * 1024
OUT_OF_REACH = timedelta(hours=24)  # from then on somebody should look
_PURPOSE = "trust credential"


class InvitationInvalid(CentralError):
    """A file that is no invitation of a trust's, or no whole one."""


def decode_invitation(content: bytes) -> TrustInvitation:
    """Read an invitation. Raises InvitationInvalid."""
    if len(content) > MAX_INVITATION_BYTES:
        raise InvitationInvalid("the file is too large for an invitation of a trust's")
    try:
        found = msgspec.json.decode(content, type=TrustInvitation)
    except DECODING_FAILED:
        raise InvitationInvalid("the file is no invitation of a trust's, or a damaged one") from None
    if found.hallpass_trust > FORMAT:
        raise InvitationInvalid("the invitation was made by a newer Hallpass")
    try:
        CentralLink.check_url(found.url)
    except ValueError as problem:
        raise InvitationInvalid(f"the trust's {problem}") from None
    return found


def new_credential() -> str:
    """Return what the trust will know the school's central by; the trust is sent its hash."""
    return secrets.token_urlsafe(32)


def require_may_join(session: Session) -> None:
    """Raise NotPossible where a school belongs to a trust, or the database is a trust's itself."""
    if find_trust(session) is not None:
        raise NotPossible("this is a trust's own database")
    found = find_membership(session)
    if found is not None:
        raise NotPossible(f"this school belongs to {found.trust_name}: leave it first")


def join_trust(
    session: Session, now: datetime, keys: KeyFile, *, invitation: TrustInvitation, credential: str,
    signed: SignedDocument, by: str,
) -> TrustDocument:  # fmt: skip
    """Write down that the school belongs to a trust, by its first document.

    Raises NotPossible or DocumentRefused.
    """
    require_may_join(session)
    row = TrustMembershipRow(
        id=1, trust_id=invitation.trust, trust_name=invitation.trust_name, school_id=invitation.school,
        url=invitation.url, certificate=invitation.certificate, public_key=invitation.public_key,
        sealed_credential=keys.seal(_PURPOSE, credential), joined_at=now, joined_by=by,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record_audit(session, now, by, "trust joined", invitation.trust_name)
    return accept_document(session, now, signed)


def accept_document(session: Session, now: datetime, signed: SignedDocument) -> TrustDocument:
    """Take what the trust has laid down; nothing is written where it is kept already. Raises DocumentRefused."""
    row = require_membership(session)
    document = open_document(row.public_key, signed)
    if document.trust != row.trust_id:
        raise DocumentRefused("it is another trust's")
    if document.school != row.school_id:
        raise DocumentRefused("it is for another school")
    kept = read_document(row.document.encode()) if row.document else None
    if kept is not None and document.age < kept.age:
        raise DocumentRefused(
            "it is older than the one that holds"
            if document.epoch == kept.epoch
            else "it is of an epoch that is over"
        )
    if signed.digest != row.digest:
        row.document, row.digest, row.received_at = signed.document, signed.digest, now
        row.trust_name = document.trust_name
        audit.record_audit(session, now, ACTOR, "trust's document in force", describe_document(document))
        _apply_sources(session, now, document)
    return document


def describe_document(document: TrustDocument) -> str:
    """Return what a document lays down, in words."""
    if not document.is_member:
        return f"{document.trust_name} has let this school go: nothing of it holds any more"
    locked = [rule.name for rule in document.rules if rule.locked]
    shared = len(document.rules) - len(locked)
    parts = (
        f"locked: {', '.join((*document.locked_categories, *locked)) or 'nothing'}",
        f"kept open: {', '.join(document.kept_open)}" if document.kept_open else "",
        f"{shared} shared rules" if shared else "",
        f"{len(document.sources)} lists" if document.sources else "",
    )
    return f"{document.trust_name}, number {document.number}; " + "; ".join(part for part in parts if part)


def find_membership(session: Session) -> TrustMembershipRow | None:
    """Return the trust that the school belongs to, or None."""
    return session.get(TrustMembershipRow, 1)


def require_membership(session: Session) -> TrustMembershipRow:
    """Return the trust that the school belongs to. Raises NotPossible."""
    row = find_membership(session)
    if row is None:
        raise NotPossible("this school belongs to no trust")
    return row


def read_kept_document(session: Session) -> TrustDocument | None:
    """Return what the trust has laid down, or None: there is no trust, or nothing has come from it."""
    row = find_membership(session)
    if row is None or not row.document:
        return None
    found = read_document(row.document.encode())
    return found if found.is_member else None


def read_credential(row: TrustMembershipRow, keys: KeyFile) -> str:
    """Return what the school's central shows to the trust. Raises KeyFileUnusable."""
    return keys.unseal(_PURPOSE, row.sealed_credential)


def leave_trust(session: Session, now: datetime, *, by: str, forced: bool = False) -> str:
    """Forget the trust, and return its name. Raises NotPossible where it has not let the school go.

    `forced`: for a trust that there is no more. The audit says so.
    """
    row = require_membership(session)
    is_free = _is_let_go(row)
    if not is_free and not forced:
        raise NotPossible(
            f"{row.trust_name} has not let this school go: its administrator does (hallpass trust schools retire)"
        )
    name = row.trust_name
    _release_sources(session)
    session.delete(row)
    contact = session.get(TrustContactRow, 1)
    if contact is not None:
        session.delete(contact)
    words = name if is_free else f"{name}, which had not let the school go"
    audit.record_audit(session, now, by, "trust left", words)
    return name


def note_contact(session: Session, now: datetime, problem: str) -> None:
    """Write down how the last try to reach the trust went; "": well."""
    row = session.get(TrustContactRow, 1)
    if row is None:
        row = TrustContactRow(id=1, reached_at=now, tried_at=now, problem="")
        session.add(row)
    row.tried_at, row.problem = now, problem[:500]
    if not problem:
        row.reached_at = now


class OutOfReach(msgspec.Struct, frozen=True):
    """A trust that has not been reached for long."""

    trust: str
    hours: int
    problem: str  # of the last try; "": none is known


def find_out_of_reach(session: Session, now: datetime) -> OutOfReach | None:
    """Return how long the trust has not been reached, where somebody should look; a school let go expects none."""
    row, contact = find_membership(session), session.get(TrustContactRow, 1)
    if row is None or contact is None or _is_let_go(row) or now - contact.reached_at < OUT_OF_REACH:
        return None
    return OutOfReach(row.trust_name, int((now - contact.reached_at).total_seconds() // 3600), contact.problem)


def describe_condition(session: Session, now: datetime) -> str:
    """Return what somebody should look at between the school and its trust; "": nothing."""
    found = find_out_of_reach(session, now)
    if found is None:
        return ""
    why = found.problem or "no reason is known"
    return (
        f"{found.trust} has not been reached for {found.hours} hours ({why}): what it laid down last still holds"
    )


def _is_let_go(row: TrustMembershipRow) -> bool:
    return bool(row.document) and not read_document(row.document.encode()).is_member


def _apply_sources(session: Session, now: datetime, document: TrustDocument) -> None:
    """Subscribe the school to the trust's lists, and to no others of the trust's."""
    wanted = {f"trust-{one.name}"[:64]: one for one in document.sources} if document.is_member else {}
    for row in session.scalars(select(SourceRow).where(SourceRow.by_trust)):
        if row.name not in wanted:
            session.delete(row)
    session.flush()
    known = {row.name: row for row in session.scalars(select(SourceRow))}
    for name, one in wanted.items():
        row = known.get(name) or SourceRow(name=name, by=ACTOR, made_at=now, report=None, allow_wide=None)
        session.add(row)
        row.by_trust = True
        row.category, row.location, row.format = one.category, one.location, one.format
        row.match, row.action = one.match, one.action


def _release_sources(session: Session) -> None:
    for row in session.scalars(select(SourceRow).where(SourceRow.by_trust)):
        session.delete(row)
