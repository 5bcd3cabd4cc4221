"""Whom a notice goes to: the addresses of the accounts that have a right, as long as they last."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import UserRow
from appliance.rights import Right, Scope, has_right


def find_addresses(session: Session, now: datetime, right: Right) -> list[str]:
    """Return the mail addresses of all who have a right in the whole school."""
    accounts = session.scalars(select(UserRow).where(UserRow.email != "").order_by(UserRow.username))
    return [
        one.email
        for one in accounts
        if (one.ends is None or one.ends > now) and has_right(one.roles, right, Scope.SCHOOL)  # type: ignore[arg-type]  # the table holds roles only
    ]
