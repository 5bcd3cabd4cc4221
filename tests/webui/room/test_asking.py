"""What a teacher can ask for: for a device, for a lesson to come, urgently; and what the page says of it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from flask.testing import FlaskClient

from appliance.protocol import RequestState
from dns.policy.document import ONE_DEVICE
from tests.appliance.room.agent.conftest import Agent, central, folder, until
from tests.appliance.room.agent.test_outbox import wish
from tests.appliance.room.agent.test_request_devices import SITE, TOKEN, granted, install, recorder
from tests.fakes.central import FakeCentral
from tests.fakes.signed_in import signed_in_client
from tests.webui.room.conftest import TESS
from webui.room.app import create_app
from webui.shared.school_clock import SchoolClock

__all__ = ["central", "folder"]

LONDON = ZoneInfo("Europe/London")
Story = Callable[[Agent, FlaskClient], Any]


def run_story(folder: Path, central: FakeCentral, story: Story) -> None:
    async def run() -> None:
        async with Agent(folder, central.url).running() as agent, recorder(agent):
            app = create_app(agent.settings)
            app.config["WTF_CSRF_ENABLED"] = False
            await story(agent, signed_in_client(app, TESS))

    asyncio.run(run())


async def ask(teacher: FlaskClient, number: int = 1, /, **fields: Any) -> str:
    form = {"key": f"{number:032x}", "site": SITE, "reason": "maths", "minutes": "30", "anyway": "1"} | fields

    def send() -> str:
        return teacher.post("/requests", data=form, follow_redirects=True).get_data(as_text=True)

    return await asyncio.to_thread(send)


async def look(teacher: FlaskClient, address: str = "/") -> str:
    return await asyncio.to_thread(lambda: teacher.get(address).get_data(as_text=True))


def test_a_request_says_for_which_device_when_how_urgent_and_with_what(folder: Path, central: FakeCentral) -> None:
    async def story(_agent: Agent, teacher: FlaskClient) -> None:
        page = await look(teacher, f"/?site={SITE}&device={TOKEN}&also=cdn.example.org+img.example.org")
        assert "only the device that met the refusal" in page
        assert f'value="{TOKEN}"' in page
        await ask(teacher, 1, device=TOKEN, whom="device", when="now", also="cdn.example.org, img.example.org")
        await ask(teacher, 2, device=TOKEN, whom="room")
        start = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)
        shown = start.astimezone(LONDON)
        await ask(teacher, 3, when="later", start=f"{shown:%Y-%m-%dT%H:%M}")
        await until("all", lambda: len(central.taken["requests"]) == 3)
        first, second, third = central.taken["requests"]
        assert (first["device"], first["urgent"], first["also"]) == (
            TOKEN, True, ["cdn.example.org", "img.example.org"],
        )  # fmt: skip
        assert (second["device"], second["urgent"], second["since"]) == ("", False, None)
        assert datetime.fromisoformat(third["since"]) == start

    run_story(folder, central, story)


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"when": "later"}, "When does the lesson begin?"),
    ({"when": "later", "start": "2020-01-01T10:00"}, "That lesson is over"),
    ({"when": "later", "start": "2027-03-28T01:30"}, "there is no such hour"),  # the clocks go forward
    ({"when": "later", "start": "0001-01-01T00:00"}, "look at the year"),
    ({"when": "later", "start": "\u0661\u0662"}, "Not a valid datetime"),
    ({"when": "sometime"}, "Not a valid choice"),
    ({"device": "192.0.2.10", "whom": "device"}, "choose the device again"),
    ({"device": "0" * 12, "whom": "device"}, "not known in this room"),
    ({"also": "co.uk"}, "co.uk"),
    ({"also": "a.example " * 21}, "At most 20"),
    ({"also": "\x00"}, "not the name of a site"),
)


def test_what_makes_no_sense_is_said_and_the_form_stays_filled(folder: Path, central: FakeCentral) -> None:
    async def story(agent: Agent, teacher: FlaskClient) -> None:
        for fields, words in MISTAKES:
            page = await ask(teacher, **fields)
            assert words in page, fields
            assert 'value="maths"' in page
        assert agent.memory.pending_messages() == []

    run_story(folder, central, story)


def test_nothing_is_said_to_be_open_that_is_not(folder: Path, central: FakeCentral) -> None:
    async def story(agent: Agent, teacher: FlaskClient) -> None:
        now = datetime.now(UTC)
        asked = msgspec.structs.replace(wish(1), site=SITE)
        told = RequestState(
            request=asked, state="approved", since=now - timedelta(minutes=1), until=now + timedelta(minutes=30)
        )
        agent.memory.save_request_states([told])
        assert "and not open: this room has not heard of it yet" in await look(teacher)
        opening = msgspec.structs.replace(granted(asked.id), device="", groups=())
        install(agent, opening)
        assert "open until" in await look(teacher)
        later = msgspec.structs.replace(told, since=now + timedelta(minutes=5))
        agent.memory.save_request_states([later])
        assert "opens at" in await look(teacher)
        agent.memory.save_request_states([msgspec.structs.replace(told, for_device=True)])
        install(agent, msgspec.structs.replace(opening, device="192.0.2.10", groups=(ONE_DEVICE,)))
        assert "open for one device until" in await look(teacher)
        agent.memory.save_request_states([msgspec.structs.replace(told, since=None, until=None, permanent=True)])
        page = await look(teacher)
        assert "open for good" in page
        assert "End now" not in page

    run_story(folder, central, story)


def test_the_schools_clock_knows_hours_that_are_shown_twice_or_not_at_all() -> None:
    clock = SchoolClock(lambda: LONDON)
    assert clock.moment(datetime.fromisoformat("2026-10-25T01:30")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="no such hour"):
        clock.moment(datetime.fromisoformat("2026-03-29T01:30"))
