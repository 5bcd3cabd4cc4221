"""Nobody grants their own request where somebody else could: not by approving it, for longer, or for good."""

from datetime import datetime

from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import account_management
from appliance.central.errors import NotPossible
from appliance.rights import Right

OWN_REQUEST = "; their own request, as the school has nobody else who decides"


def require_other(session: Session, now: datetime, *, teacher: str, by: str) -> str:
    """Return what the audit says where somebody (`by`) grants their own request; "" for others'.

    Raises NotPossible where others could decide.
    """
    if protocol.normalize_username(teacher) != protocol.normalize_username(by):
        return ""
    others = [one for one in account_management.list_holders(session, now, Right.DECIDE_REQUESTS) if one != by]
    if others:
        raise NotPossible("you asked for this yourself: somebody else has to decide it")
    return OWN_REQUEST
