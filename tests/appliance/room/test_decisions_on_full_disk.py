"""On a full disk whatever is decided comes into force at once, and on one that takes nothing DNS is filtered."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import AccountState, RequestState, UnblockRequest
from appliance.room.account_states import read_account_states
from appliance.room.agent import rpc
from appliance.room.paths import RoomPaths
from appliance.spare_file import spare_path
from dns.policy.document import PolicyDocument, Rule, Unblock, json_decoder
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import OPEN, REFUSED, EnrolledRoom, policy, wait_until
from tests.fakes.small_disk import SmallDisk, fill
from tests.fakes.upstream import FakeUpstream

SCHOOLS_OWN = "the-schools-own.example"
REQUEST = f"{7:032x}"


class Story:
    """An enrolled room on a small disk, and what central decides for it."""

    def __init__(self, folder: Path, upstream: FakeUpstream, central: FakeCentral) -> None:
        self.room, self.central = EnrolledRoom(folder, upstream, central), central
        self.disk = SmallDisk(self.room.paths.data, 12)
        self.room.prefix = self.disk.prefix
        self.room.paths = RoomPaths(data=self.disk.path, sockets=self.disk.path / "run")
        self.document: PolicyDocument = json_decoder.decode(policy())
        self.number = 7

    def decide(self, name: str, heard: str, **changes: object) -> None:
        """Let central decide something, and wait until devices hear of it."""
        self.number += 1
        self.document = msgspec.structs.replace(self.document, version=self.number, **changes)
        content = msgspec.json.encode(self.document)
        self.central.set_policy(content, f"d{self.number}", inline=self.number % 2 == 0, version=self.number)
        wait_until(f"{name}: {heard}", lambda: self.room.ask(name) == heard)
        assert self.room.ask(SCHOOLS_OWN) == REFUSED

    def close(self, name: str) -> None:
        self.decide(name, REFUSED, rules=(*self.document.rules, Rule(name=name, action="block")))

    def open(self, name: str) -> None:
        until = datetime.now(UTC) + timedelta(minutes=30)
        unblock = Unblock(id=REQUEST, site=name, until=until, request=REQUEST)
        self.decide(name, OPEN, unblocks=(*self.document.unblocks, unblock))

    def send(self, request: rpc.RpcRequest) -> rpc.RpcResponse:
        return rpc.send_rpc_request(self.room.paths.agent_socket, request)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as one:
        yield one


@pytest.fixture
def central() -> Iterator[FakeCentral]:
    with FakeCentral() as one:
        yield one


@pytest.fixture
def story(short_path: Path, upstream: FakeUpstream, central: FakeCentral) -> Iterator[Story]:
    one = Story(short_path, upstream, central)
    yield one
    one.room.stop()
    one.disk.close()


def test_whatever_is_decided_while_the_disk_is_full_holds_at_once(
    story: Story,
) -> None:
    room, central, disk = story.room, story.central, story.disk
    room.start()
    room.start_agent()
    story.close("before.example")
    wait_until("what is kept for state.db", spare_path(room.paths.agent_store).exists)
    for number in range(4):
        fill(disk.path)  # what became free meanwhile is somebody else's
        story.close(f"n{number}.example")
    asked = datetime.now(UTC)
    request = UnblockRequest(
        id=REQUEST, site="now.example", reason="a lesson", minutes=30, teacher="Tess", asked_at=asked
    )
    assert not story.send(rpc.SubmitRequest(request)).error
    wait_until("the request at central", lambda: central.taken["requests"])
    story.open("now.example")
    approved = RequestState(request=request, state="approved", until=asked + timedelta(minutes=30))
    central.states = [approved]
    central.target = msgspec.structs.replace(central.target, requests=9)
    wait_until("the answer", lambda: story.send(rpc.ListRequestsRequest()).requests[0].state == "approved")
    fill(disk.path)

    assert not story.send(rpc.WithdrawRequest(REQUEST, "Tess")).error
    wait_until("the end of it", lambda: room.ask("now.example") == REFUSED)
    wait_until("the end of it at central", lambda: central.withdrawn == [REQUEST])
    assert not story.send(rpc.PauseRoomRequest("Tess", 30)).error
    wait_until("the pause", lambda: room.ask("www.example.org") == REFUSED)
    overrides = story.send(rpc.ActiveOverridesRequest()).overrides
    assert overrides is not None
    (pause,) = overrides.pauses
    assert not story.send(rpc.EndOverrideRequest("Tess", pause.id)).error
    wait_until("its end", lambda: room.ask("www.example.org") == OPEN)
    central.account_states = [AccountState(username="tess", role="teacher", valid_after=asked)]
    central.target = msgspec.structs.replace(central.target, accounts="a1")
    wait_until("the accounts", lambda: read_account_states(room.paths.account_states).digest == "a1")
    fill(disk.path)

    room.stop()
    fill(disk.path)
    room.start()
    assert room.ask("n3.example") == room.ask("now.example") == REFUSED
    room.start_agent()
    story.close("after-a-new-start.example")
    assert [one.request.id for one in story.send(rpc.ListRequestsRequest()).requests] == [REQUEST]
    assert room.ask("now.example") == REFUSED
    disk.empty()
    wait_until("the spares", lambda: not spare_path(room.paths.policy).stat().st_size)
    wait_until("that of state.db", spare_path(room.paths.agent_store).exists)


def test_a_resolver_that_begins_on_a_disk_that_takes_nothing_answers_and_filters(story: Story) -> None:
    room = story.room
    room.start()
    said = room.paths.health_folder / "resolver-1.json"
    wait_until("what its workers say of themselves", said.exists)
    room.stop()
    assert said.exists()
    story.disk.make_read_only()
    room.start()
    assert room.ask(SCHOOLS_OWN) == REFUSED
    assert room.ask("www.example.org") == OPEN
