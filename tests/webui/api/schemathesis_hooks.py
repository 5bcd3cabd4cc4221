"""What schemathesis, in its own environment, cannot know of the rooms' interface from the document."""

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import schemathesis
from hypothesis import strategies as st

MAX_ROOM = 100
_ID = re.compile("[0-9a-f]{32}")

_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_times = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=_zones)  # noqa: DTZ001 (they get one)
schemathesis.openapi.format("date-time", _times.map(lambda time: time.isoformat()))


@schemathesis.hook  # type: ignore[untyped-decorator]  # it is not installed here
def map_case(_context: Any, case: Any) -> Any:
    """Let what is otherwise right get as far as the services: the same id twice, and a site half of the time."""
    body, path = case.body, case.path_parameters or {}
    if not isinstance(body, dict):
        return case
    _make_integers(body)
    if _is_id(body.get("id")) and _is_id(path.get("message_id")):
        path["message_id"] = body["id"]
    if (
        isinstance(body.get("name"), str)
        and "action" in body
        and len(body["name"]) % 2
        and _may_stand(body["name"])
    ):
        body["name"] = f"g{len(body['name'])}.example.org"
        if _are_names(body.get("groups")):
            body["groups"] = []  # of those that are made up there is none
    if isinstance(body.get("room"), str) and len(body["room"]) <= MAX_ROOM and _may_stand(body["room"]):
        body["room"] = ""
    if isinstance(body.get("site"), str) and len(body["site"]) % 2 and _may_stand(body["site"]):
        body["site"] = "games.example.org"
    return case


def _make_integers(value: Any) -> Any:
    """Write whole numbers as such, in place: JSON Schema calls 1.0 an integer, we do not."""
    if isinstance(value, dict | list):
        for at, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            value[at] = _make_integers(inner)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _may_stand(site: str) -> bool:
    """Tell whether a text keeps to the document: what breaks it must stay as it is."""
    return len(site) <= 253 and site.isprintable()


def _are_names(value: object) -> bool:
    """Tell whether a value keeps to the document as the names of some groups."""
    return (
        isinstance(value, list)
        and len(value) <= MAX_ROOM
        and all(isinstance(one, str) and one.strip() and len(one) <= 64 and one.isprintable() for one in value)
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
