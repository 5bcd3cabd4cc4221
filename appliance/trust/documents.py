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


def make_document(session: Session, keys: KeyFile, school: TrustSchoolRow) -> SignedDocument:
    """Return a school's document as it is now. Raises KeyFileUnusable."""
    trust = require_trust(session)
    return sign_document(
        read_document_key(trust, keys), build_document(session, trust, read_identity(session).name, school)
    )


def list_behind(session: Session) -> set[str]:
    """Return the ids of the enrolled schools in which, by their own word, another document holds than this one."""
    trust, name = require_trust(session), read_identity(session).name
    found = entries.list_entries(session, entries.KINDS)
    return {
        school.id
        for school in list_schools(session)
        if school.state == ENROLLED
        and (school.numbers or {}).get("document") != _digest(_to_document(found, trust, name, school))
    }


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
