"""How much waits for whoever is signed in: every page says it in its title, so that a tab behind others does."""

from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from appliance.central.models import RequestRow, SiteReportRow
from appliance.central.service import Central
from appliance.rights import Right, Scope, has_right


def count_waiting(central: Central) -> int:
    """Return how many requests and reports wait for a decision; 0 for whoever does not decide."""
    role = current_user.account.role
    counts = []
    if has_right(role, Right.DECIDE_REQUESTS, Scope.SCHOOL):
        counts.append(select(func.count()).select_from(RequestRow).where(RequestRow.state == "waiting"))
    if has_right(role, Right.HANDLE_REPORTS, Scope.SCHOOL):
        counts.append(select(func.count()).select_from(SiteReportRow).where(SiteReportRow.settled_by == ""))
    try:
        with central.store.read_session() as session:
            return sum(session.scalar(one) or 0 for one in counts)
    except SQLAlchemyError:  # the page that says so has a title as well
        return 0
