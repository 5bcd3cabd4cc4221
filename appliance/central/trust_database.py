"""Whether a database is a trust's (`appliance.trust`) or a school's: both have the same tables."""

from sqlalchemy.orm import Session

from appliance.central.models import TrustRow
from appliance.rights import Scope


def find_trust(session: Session) -> TrustRow | None:
    """Return the trust that a database is of, or None: it is a school's."""
    return session.get(TrustRow, 1)


def scope_of(session: Session) -> Scope:
    """Return where the rights of accounts in a database hold."""
    return Scope.SCHOOL if find_trust(session) is None else Scope.TRUST
