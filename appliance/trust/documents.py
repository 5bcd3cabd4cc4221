"""Makes the document of a school: what the trust has laid down for it. Rows in, a signed value out."""

import hashlib

import msgspec
from sqlalchemy.orm import Session

from appliance.central.key_file import KeyFile
from appliance.central.models import TrustEntryRow, TrustRow, TrustSchoolRow
from appliance.central.school_identity import read_identity
from appliance.trust import entries
from appliance.trust.schools import ENROLLED, RETIRED, list_schools
from appliance.trust.state import read_document_key, require_trust
from appliance.trust_protocol import SignedDocument, TrustDocument, TrustRule, TrustSource, sign_document

_Revision = tuple[str, int, int, str, str]


def make_document(session: Session, keys: KeyFile, school: TrustSchoolRow) -> SignedDocument:
    """Return a school's document as it is now. Raises KeyFileUnusable."""
    trust = require_trust(session)
    return sign_document(
        read_document_key(trust, keys), build_document(session, trust, read_identity(session).name, school)
    )


class DocumentDigests:
    """By what each school's document is known now; made anew where something was laid down or renamed since.

    To make and hash a document of two thousand rules takes milliseconds, and a trust has hundreds of schools.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[_Revision, str]] = {}  # by the school's id

    def list_behind(self, session: Session) -> set[str]:
        """Return the ids of the enrolled schools in which, by their own word, another document holds."""
        trust, name = require_trust(session), read_identity(session).name
        enrolled = [one for one in list_schools(session) if one.state == ENROLLED]
        if stale := [one for one in enrolled if not self._is_current(one, _revision_of(trust, name, one))]:
            found = entries.list_entries(session, entries.KINDS)
            for one in stale:
                digest = _digest(_to_document(found, trust, name, one))
                self._made[one.id] = (_revision_of(trust, name, one), digest)
        return {one.id for one in enrolled if (one.numbers or {}).get("document") != self._made[one.id][1]}

    def _is_current(self, school: TrustSchoolRow, revision: _Revision) -> bool:
        made = self._made.get(school.id)
        return made is not None and made[0] == revision


def _revision_of(trust: TrustRow, trust_name: str, school: TrustSchoolRow) -> _Revision:
    """Return what is another where a school's document is: the number grows with each change of an entry."""
    return trust.trust_id, trust.epoch, trust.number, trust_name, school.name


def build_document(session: Session, trust: TrustRow, trust_name: str, school: TrustSchoolRow) -> TrustDocument:
    """Return what the trust has laid down for a school; nothing where it has let the school go."""
    found = entries.list_entries(session, entries.KINDS)
    return _to_document(found, trust, trust_name, school)


def _digest(document: TrustDocument) -> str:
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()


def _to_document(
    entries_in_force: list[TrustEntryRow], trust: TrustRow, trust_name: str, school: TrustSchoolRow
) -> TrustDocument:
    is_member = school.state != RETIRED
    found = entries_in_force if is_member else []
    here = [one for one in found if not one.schools or school.id in one.schools]
    return TrustDocument(
        trust=trust.trust_id,
        trust_name=trust_name,
        school=school.id,
        school_name=school.name,
        epoch=trust.epoch,
        number=trust.number,
        is_member=is_member,
        locked_categories=tuple(dict.fromkeys(one.content["category"] for one in here if one.kind == "category")),
        kept_open=tuple(dict.fromkeys(one.content["name"] for one in here if one.kind == "open")),
        rules=tuple(_to_rule(one) for one in here if one.kind in ("name", "rule")),
        sources=tuple(TrustSource(**one.content) for one in here if one.kind == "source"),
    )


def _to_rule(entry: TrustEntryRow) -> TrustRule:
    if entry.kind == "name":
        return TrustRule(action="block", locked=True, **entry.content)
    return TrustRule(**entry.content)
