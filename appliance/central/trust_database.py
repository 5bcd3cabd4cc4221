"""Whether a database is a trust's (`appliance.trust`) or a school's: both have the same tables."""

from sqlalchemy.orm import Session

from appliance.central.models import TrustRow


def find_trust(session: Session) -> TrustRow | None:
    """Return the trust that a database is of, or None: it is a school's."""
    return session.get(TrustRow, 1)
