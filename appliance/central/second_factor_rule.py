"""Whether a school asks a second factor of somebody: of which roles, and from which day on.

Until that day nothing changes. From then on whoever has one of the roles and no second factor can do nothing at
central but set one up, and signs in in no room; what rooms keep for the time that central is away ends with that
day as well. Only roles that have a page of their own at central can be asked: nobody else could set one up.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotPossible
from appliance.central.models import SchoolRow, UserRow
from appliance.central.trust_database import scope_of
from appliance.rights import Right, Role, Scope, has_right, roles_at


def roles_to_ask(scope: Scope) -> tuple[Role, ...]:
    """Return the roles of which one can be asked, at a school or at a trust."""
    return tuple(role for role in roles_at(scope) if has_right(role, Right.SIGN_IN, scope))


class SecondFactorRule(msgspec.Struct, frozen=True):
    """Of whom a second factor is asked."""

    roles: tuple[str, ...] = ()
    since: datetime | None = None

    def due(self, roles: Iterable[str], *, has_second_factor: bool) -> datetime | None:
        """Return since when somebody has to have one whom it is asked of and who has none; else None."""
        return self.since if not has_second_factor and set(roles) & set(self.roles) else None

    def is_overdue(self, roles: Iterable[str], now: datetime, *, has_second_factor: bool) -> bool:
        """Tell whether somebody may do nothing any more before they set one up."""
        due = self.due(roles, has_second_factor=has_second_factor)
        return due is not None and due <= now


def read_rule(session: Session) -> SecondFactorRule:
    """Return what the school asks."""
    row = session.execute(select(SchoolRow.second_factor_roles, SchoolRow.second_factor_from)).first()
    return SecondFactorRule(tuple(row[0]), row[1]) if row is not None else SecondFactorRule()


def ask_of_roles(
    session: Session, now: datetime, *, roles: Iterable[str], since: datetime | None, by: str
) -> None:
    """Ask a second factor of these roles, and of no others, from a day on. Raises NotPossible."""
    possible = roles_to_ask(scope_of(session))
    chosen: list[str] = [role for role in possible if role in set(roles)]
    if unknown := set(roles) - set(possible):
        raise NotPossible(f"a second step cannot be asked of {', '.join(sorted(unknown))}")
    if chosen and since is None:
        raise NotPossible("say from which day on")
    school = session.scalars(select(SchoolRow)).one()
    school.second_factor_roles, school.second_factor_from = chosen, since if chosen else None
    words = f"{', '.join(chosen)}, from {since:%Y-%m-%d}" if chosen and since else "nobody"
    audit.record_audit(session, now, by, "second step asked", words)


def list_without(session: Session, now: datetime) -> list[str]:
    """Return who has none, of those of whom one is asked."""
    rule = read_rule(session)
    if not rule.roles:
        return []
    users = session.execute(
        select(UserRow.username, UserRow.roles)
        .where(or_(UserRow.ends.is_(None), UserRow.ends > now), UserRow.has_second_factor.is_(False))
        .order_by(UserRow.username)
    )
    return [name for name, roles in users if rule.due(roles, has_second_factor=False) is not None]
