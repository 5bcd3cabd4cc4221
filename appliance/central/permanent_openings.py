"""Makes an opening permanent: what was asked for becomes a rule of the school's own, in every room, for everybody.

A rule does not end by itself. Taking it back leaves the site as the lists have it.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit, own_requests, requests, rooms, rules, unblocks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RequestRow, RuleRow

NOTE = "asked for by a teacher"


def make_request_permanent(
    session: Session, now: datetime, *, request_id: str, by: str, answer: str = "", on_behalf_of: str = ""
) -> None:
    """Open for good what a request names: one that waits, or was opened. Raises NotFound or NotPossible.

    `on_behalf_of`: for whom a script acts, which cannot decide what they asked for.
    """
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.is_permanent:
        raise NotPossible("it is open for good already")
    if request.state != "approved":
        requests.require_waiting(session, now, request_id)
    own_words = own_requests.require_other(session, now, teacher=request.teacher, by=on_behalf_of or by)
    for name in (request.site, *request.also):
        _add_rule(session, now, name, by)
    if request.unblock is not None:
        unblocks.end_unblock(session, now, unblock_id=request.unblock.id, by=by)
    request.state, request.decided_by, request.decided_at = "approved", by, now
    request.answer, request.is_permanent = answer or request.answer, True
    rooms.mark_requests_changed(session, request.room_id)
    audit.record_audit(session, now, by, "opened for good", request.site + own_words)


def undo_permanent_request(session: Session, now: datetime, *, request_id: str, by: str) -> None:
    """Take away the rules that came of a request; it is over then. Raises NotFound or NotPossible.

    What another request needs that is open for good stays, and is that one's from then on.
    """
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if not request.is_permanent:
        raise NotPossible("there is nothing to take back")
    made = select(RuleRow).where(
        RuleRow.name.in_((request.site, *request.also)),
        RuleRow.action == "allow",
        RuleRow.made_at == request.decided_at,
        RuleRow.note == NOTE,
    )
    others = _list_permanent(session, but=request)
    for rule in session.scalars(made).all():
        heir = next((one for one in others if rule.name in (one.site, *one.also)), None)
        if heir is not None and heir.decided_at is not None:
            rule.made_at = heir.decided_at
        else:
            rules.remove_rule(session, now, rule_id=rule.id, by=by)
    request.state, request.is_permanent, request.decided_at = "ended", False, now
    rooms.mark_requests_changed(session, request.room_id)


def _list_permanent(session: Session, *, but: RequestRow) -> list[RequestRow]:
    others = select(RequestRow).where(RequestRow.is_permanent, RequestRow.id != but.id)
    return list(session.scalars(others.order_by(RequestRow.decided_at)))


def _add_rule(session: Session, now: datetime, name: str, by: str) -> None:
    """Open a name for everybody, unless a rule does. Raises NotPossible where one closes it, for whomever."""
    found = session.scalars(select(RuleRow).where(RuleRow.name == name)).all()
    for rule in found:
        if rule.action == "block":
            whom = f" for {', '.join(rule.groups)}" if rule.groups else ""
            raise NotPossible(f"a rule of the school's closes {name}{whom}: take that away first")
    if not any(rule.subdomains and not rule.groups for rule in found):
        rules.add_rule(session, now, name=name, action="allow", by=by, note=NOTE)
