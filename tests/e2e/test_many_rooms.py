"""Many rooms at one central, as it is really served: what one of them asks for holds nobody else up."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import Account, Credentials
from tests.bench.central_service import PASSWORD, Central, running, until_all

pytestmark = pytest.mark.timeout(300)

ROOMS = 100
SIGN_INS = 40
LINE_SECONDS = 10.0  # of a machine that others use too; alone it is well under one


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets live below it
    yield path
    shutil.rmtree(path)


def test_forty_sign_ins_at_once_keep_no_line_of_a_hundred_feeds_waiting(folder: Path) -> None:
    async def story() -> None:
        central = Central(folder, ROOMS)
        async with running(central):
            before = {room.policy for room in central.rooms}
            typed = msgspec.json.encode(Credentials("coordinator", PASSWORD))
            signing_in = [
                asyncio.create_task(room.call("POST /api/v1/sign-in", typed)) for room in central.rooms[:SIGN_INS]
            ]
            await asyncio.wait(signing_in, return_when=asyncio.FIRST_COMPLETED)
            pressed = time.monotonic()
            under_way = sum(not task.done() for task in signing_in)
            await asyncio.to_thread(central.block, "bad.example.org")
            heard = await until_all(central.rooms, lambda room: room.policy not in before, LINE_SECONDS)
            last = max(room.in_step_at for room in central.rooms) - pressed
            accounts = [msgspec.json.decode(answer, type=Account) for answer in await asyncio.gather(*signing_in)]
            cuts = sum(room.cuts for room in central.rooms)
        assert under_way > SIGN_INS / 4, "the change came while most of them were under way"
        assert heard, "a feed heard nothing"
        assert last < LINE_SECONDS
        assert {account.username for account in accounts} == {"coordinator"}
        assert cuts == 0

    asyncio.run(story())
