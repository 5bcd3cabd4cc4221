"""What is broken, in words for the coordinator: people, rooms, lists, certificates and more; and where to look."""

from datetime import datetime, timedelta

import msgspec
from flask import url_for
from sqlalchemy.orm import Session

from appliance.central import (
    account_management,
    acme_renewal,
    backup,
    page_certificates,
    room_life,
    rooms,
    trust_membership,
)
from appliance.central.lists import copies, sources
from appliance.central.models import RoomRow
from appliance.central.page_keys_left import list_left_keys
from appliance.central.service import Central
from appliance.certificate_validity import read_validity
from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.rights import Right, Scope
from appliance.room.conditions import describe_condition
from webui.central.page_certificates.left_keys import describe_left_key
from webui.shared.access import may_open
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, ngettext, translatable, translate

_NO_LEAD = translatable(
    "Nobody is the safeguarding lead or a deputy: what pupils should be helped with is seen by nobody. The "
    "coordinator names somebody."
)
SILENT = timedelta(minutes=2)
CERTIFICATE_NOTICE = timedelta(days=21)
BACKUP_NOTICE = timedelta(days=8)  # a weekly one, and a day for it


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is broken."""

    what: str  # of what kind: rooms, lists, certificates
    words: str
    page: str  # where it is mended, or seen in full


def find_troubles(central: Central, session: Session, now: datetime) -> list[Trouble]:
    """Return what is broken."""
    return [
        *(
            _trouble(translatable("People"), words, "first_start.show_people")
            for words in _describe_people(session, now)
        ),
        *(_trouble(translatable("Audit"), words, "audit.show") for words in _describe_audit(central)),
        *(_trouble(translatable("Backup"), words) for words in _describe_backup(session, now)),
        *(_trouble(translatable("Room"), words, "rooms.show") for words in _describe_rooms(session, now)),
        *(_trouble(translatable("Lists"), words, "lists.show") for words in _describe_lists(central, session)),
        *(_trouble(translatable("Signed lists"), words) for words in central.publisher.signer.list_conditions()),
        *(_trouble(translatable("Trust"), words) for words in _describe_trust(session, now)),
        *(_trouble(translatable("Certificate"), words) for words in _describe_certificate(central, now)),
        *(_trouble(translatable("Certificate"), words) for words in _describe_page_certificate(central, now)),
        *(_trouble(translatable("Certificate"), words) for words in _describe_room_pages(central, session, now)),
    ]


def _trouble(what: str, words: str, endpoint: str = "") -> Trouble:
    """Return a trouble; it leads nowhere where whoever looks may not come there."""
    leads = endpoint and may_open(endpoint, Scope.SCHOOL)
    return Trouble(what=what, words=words, page=url_for(endpoint) if leads else "")


def _describe_people(session: Session, now: datetime) -> list[str]:
    if account_management.list_holders(session, now, Right.HANDLE_INCIDENTS):
        return []
    return [translate(_NO_LEAD)]


def _describe_audit(central: Central) -> list[str]:
    last = central.audit_checker.read_state().last
    if last is None or last.proof.is_whole:
        return []
    return [gettext("The audit is not what was written: somebody has changed it, or the disk is failing.")]


def _describe_backup(session: Session, now: datetime) -> list[str]:
    made = backup.last_backup(session)
    how = gettext("Whoever looks after this machine makes one with “hallpass central backup”.")
    if made is None:
        never = gettext("There has never been a backup of this service.")
        return [f"{never} {how}"]
    age = now - made
    old = ngettext("The last backup is %(num)s day old.", "The last backup is %(num)s days old.", age.days)
    return [f"{old} {how}"] if age > BACKUP_NOTICE else []


def _describe_rooms(session: Session, now: datetime) -> list[str]:
    alike: dict[str, list[str]] = {}  # one fault of the whole school is one line
    for room in rooms.walk_rooms(session):
        if words := _describe_room(room, now):
            alike.setdefault(words, []).append(room.name)
    return [f"{copies.name_some(names)}: {words}" for words, names in alike.items()]


def _describe_room(room: RoomRow, now: datetime) -> str:
    if room.last_seen is None:
        return gettext("has not been set up yet")
    if now - room.last_seen > SILENT:
        return gettext("is silent; it goes on filtering by itself, and cannot be told anything new")
    conditions = (room.health or {}).get("conditions", ())
    return "; ".join(translate(words or name) for name, words in map(describe_condition, conditions))


def _describe_lists(central: Central, session: Session) -> list[str]:
    found = central.publisher.read_copies(sources.list_sources(session))
    state = central.publisher.state
    failed = [gettext("The lists could not be renewed. Rooms keep the last good ones.")] if state.error else []
    return [
        *failed,
        *([f"{translate_reason(state.warning)}."] if state.warning else []),
        *map(translate_reason, copies.list_conditions(found)),
    ]


def _describe_trust(session: Session, now: datetime) -> list[str]:
    found = trust_membership.find_out_of_reach(session, now)
    if found is None:
        return []
    return [
        gettext(
            "%(trust)s has not been reached for %(hours)s hours. What it laid down last still holds.",
            trust=found.trust,
            hours=found.hours,
        )
    ]


def _describe_certificate(central: Central, now: datetime) -> list[str]:
    tls = central.settings.tls
    if tls is None:
        return []
    from cryptography import x509  # noqa: PLC0415 (nine megabytes, only where there is a certificate)

    try:
        ends = x509.load_pem_x509_certificate(read_regular_file(tls.certificate)).not_valid_after_utc
    except (OSError, ValueError):
        return [gettext("The certificate of this service cannot be read.")]
    if ends <= now:
        return [gettext("The certificate of this service has ended: rooms and browsers turn away.")]
    if ends - now < CERTIFICATE_NOTICE:
        return [
            ngettext(
                "The certificate of this service ends in %(num)s day.",
                "The certificate of this service ends in %(num)s days.",
                (ends - now).days,
            )
        ]
    return []


def _describe_page_certificate(central: Central, now: datetime) -> list[str]:
    tls = central.settings.central.tls
    if tls is None:
        return []
    try:
        words = read_validity(tls).problem(now.timestamp())
    except (OSError, HallpassError):
        return [gettext("The certificate of these pages cannot be used: central's log says why.")]
    return [f"The certificate of these pages {words}."] if words else []


def _describe_room_pages(central: Central, session: Session, now: datetime) -> list[str]:
    found = page_certificates.list_conditions(session, now, rooms.walk_rooms(session))
    revoked = [one for one in list_left_keys(session) if one.state == room_life.REVOKED]
    return [*found, *map(describe_left_key, revoked), *acme_renewal.list_conditions(central.settings)]
