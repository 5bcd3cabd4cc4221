"""The profiles, and which categories each keeps closed."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ProfileRow, SchoolRow
from blocklists.categories import CATEGORIES_BY_ID


def list_profiles(session: Session) -> list[ProfileRow]:
    """Return all profiles, the default one first."""
    return list(session.scalars(select(ProfileRow).order_by(ProfileRow.is_default.desc(), ProfileRow.name)))


def list_locked_categories(session: Session) -> list[str]:
    """Return the categories that nobody can open."""
    return list(session.scalars(select(SchoolRow)).one().locked_categories)


def set_blocked_categories(session: Session, now: datetime, *, profile: str, blocked: list[str], by: str) -> None:
    """Say which categories a profile keeps closed. Raises NotFound or NotPossible."""
    found = session.get(ProfileRow, profile)
    if found is None:
        raise NotFound(f"there is no profile {profile!r}")
    unknown = sorted(set(blocked) - CATEGORIES_BY_ID.keys() - set(found.closed))
    if unknown:
        raise NotPossible(f"there is no category {unknown[0]!r}")
    added, removed = sorted(set(blocked) - set(found.closed)), sorted(set(found.closed) - set(blocked))
    if not added and not removed:
        return
    found.closed = sorted(set(blocked))
    changes = [*(f"+{category}" for category in added), *(f"-{category}" for category in removed)]
    audit.record_audit(session, now, by, f"categories of {profile}", " ".join(changes))
