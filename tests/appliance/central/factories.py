"""Short ways to decide a request, and to look at what became of it and at what rooms are given."""

from appliance.central import requests, unblocks
from appliance.central.models import UnblockRow
from appliance.protocol import RequestState
from dns.policy.document import PolicyDocument
from tests.fakes.school import FakeSchool


def state(school: FakeSchool, room: str = "Room 4") -> RequestState:
    with school.store.read_session() as session:
        (only,) = requests.list_request_states(session, school.clock(), school.room(room))
    return only


def approve(school: FakeSchool, request_id: str, **how: object) -> UnblockRow:
    with school.store.write_session() as session:
        return requests.approve_request(session, school.clock(), request_id=request_id, by="coordinator", **how)  # type: ignore[arg-type]  # the options of approve, handed on


def sites_open(school: FakeSchool, room: str = "Room 4") -> list[str]:
    with school.store.read_session() as session:
        return [one.site for one in unblocks.list_active_unblocks(session, school.clock(), school.room(room))]


def document(school: FakeSchool, room: str = "Room 4") -> PolicyDocument:
    return school.document(room)
