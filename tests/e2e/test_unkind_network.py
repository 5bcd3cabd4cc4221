"""What a room says arrives once, whatever is between it and central, and however often central is killed."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from appliance.central import audit, rules
from appliance.central.audit_verification import verify_audit
from appliance.central.models import RequestRow
from appliance.central.service import open_central
from appliance.protocol import UnblockRequest
from appliance.room.agent import rpc
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.appliance.room.agent.conftest import Agent
from tests.appliance.room.agent.conftest import until as wait_until
from tests.e2e.school import School, answers, until
from tests.fakes.postgres import database_url
from tests.fakes.unkind_network import WEIGHTS, UnkindNetwork

pytestmark = pytest.mark.timeout(400)

REQUESTS, KILLS = 40, 3
LAST_RULE = "last.example.org"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)])
def school(request: pytest.FixtureRequest) -> Iterator[School]:
    with database_url(request.param) as url, School(settings=f'database = "{url}"\n') as one:
        yield one


def wish(number: int) -> UnblockRequest:
    return UnblockRequest(
        id=f"{number:032x}", site=f"site{number}.example.org", reason="for the lesson", minutes=30, teacher="tess",
        asked_at=datetime.now(UTC),
    )  # fmt: skip


async def ask_and_take_back(agent: Agent) -> None:
    for number in range(REQUESTS):
        await agent.ask(rpc.SubmitRequest(wish(number)))
        if number % 5 == 4:
            await agent.ask(rpc.WithdrawRequest(wish(number).id, "tess"))
        await asyncio.sleep(0.1)


def kill_central_again_and_again(school: School) -> None:
    assert school.central is not None
    for _ in range(KILLS):
        school.central.kill()
        school.central.start()
        until("central's rooms' port", lambda: answers(school.rooms_url), 60)


def add_rule(school: School) -> None:
    central = open_central(load_settings(school.config, CentralSettings))
    with closing(central.store), central.store.write_session() as session:
        rules.add_rule(session, central.now(), name=LAST_RULE, action="block", by="cora")


def look(school: School) -> tuple[Counter[str], Counter[str]]:
    """Return how many requests are in which state, and how often what stands in a whole audit."""
    central = open_central(load_settings(school.config, CentralSettings))
    with closing(central.store), central.store.read_session() as session:
        states = Counter(row.state for row in session.query(RequestRow))
        noted = Counter(row.what for row in audit.list_audit_entries(session, 10_000) if row.room)
        assert verify_audit(session).finding is None
    return states, noted


def test_every_request_arrives_once_and_the_room_is_in_step_in_the_end(school: School) -> None:
    token = school.enrol("Room 4").read_text().strip()
    network = UnkindNetwork(school.rooms_port, seed=16)

    async def story() -> None:
        async with (
            network.listening() as port,
            Agent(school.folder / "agent", f"http://127.0.0.1:{port}", token).running() as agent,
        ):
            asking = asyncio.create_task(ask_and_take_back(agent))
            await asyncio.to_thread(kill_central_again_and_again, school)
            await asking
            await asyncio.to_thread(add_rule, school)
            async with asyncio.timeout(180):
                while network.befell.keys() != WEIGHTS.keys():
                    await asyncio.sleep(0.1)
                network.is_kind = True
                while agent.memory.count_pending():
                    await asyncio.sleep(0.1)
            policy = agent.paths.policy
            await wait_until("the last rule", lambda: policy.exists() and LAST_RULE in policy.read_text())
            long_ago = datetime.now(UTC) - timedelta(days=1)
            assert len(agent.memory.list_requests(long_ago)) == REQUESTS

    (school.folder / "agent").mkdir()
    asyncio.run(story())
    states, noted = look(school)
    taken_back = REQUESTS // 5
    assert states == {"waiting": REQUESTS - taken_back, "withdrawn": taken_back}
    assert (noted["request"], noted["request withdrawn"]) == (REQUESTS, taken_back)
