"""What people are called, where a table has their user names: beside what was asked, decided or written."""

from collections import Counter

from flask import g
from sqlalchemy import select

from appliance.central.models import UserRow
from webui.central.blueprints import central


def name_person(username: str) -> str:
    """Return what somebody is called, with the user name where two have one name; what is no account as it is."""
    if "people_names" not in g:
        g.people_names = _read_names()
    names: dict[str, str] = g.people_names
    return names.get(username, username)


def _read_names() -> dict[str, str]:
    with central().store.read_session() as session:
        found = [(one.username, one.name) for one in session.execute(select(UserRow.username, UserRow.name))]
    bearers = Counter(name for _, name in found)
    return {username: f"{name} ({username})" if bearers[name] > 1 else name for username, name in found if name}
