"""Today shows what was refused by site, and lets a teacher ask with two taps; it says before what comes of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from appliance.protocol import RequestState
from appliance.room.query_log.columns import QueryLogEntry
from appliance.settings.room import RoomSettings
from tests.appliance.room.agent.conftest import Agent, central, folder, until
from tests.appliance.room.agent.test_outbox import wish
from tests.fakes.central import FakeCentral
from tests.webui.room.test_asking import ask, run_story
from tests.webui.room.test_today import POLICY, settings
from webui.room.room_client import RoomClient
from webui.room.today.outlook import look_ahead, usual_minutes
from webui.room.today.refusals import MAX_DEVICES, MAX_SITES, describe_refusals
from webui.room.today.views import _still_matters

__all__ = ["central", "folder", "settings"]

NOW = datetime.now(UTC)
DELEGATED = POLICY.replace('name = "pupils"', 'name = "pupils"\nclosed = ["social_networks", "games"]', 1) + (
    '[[delegations]]\ncategories = ["games"]\nminutes = 40\n'
)


@pytest.fixture
def room(settings: RoomSettings, tmp_path: Path) -> RoomClient:
    (tmp_path / "policy.toml").write_text(DELEGATED)
    return RoomClient(settings)


def refused(name: str, device: str = "a1b2c3d4e5f6", second: int = 1_800_000_000, count: int = 1) -> QueryLogEntry:
    return QueryLogEntry(
        second=second, device=device, group="pupils", name=name, qtype=1, verdict="refused", step="list",
        category="social_networks", count=count,
    )  # fmt: skip


def state(number: int, **fields: Any) -> RequestState:
    return RequestState(request=wish(number), **({"state": "waiting"} | fields))


def sites(room: RoomClient, *entries: QueryLogEntry) -> list[str]:
    return [row.site for row in describe_refusals(room, entries, NOW.timestamp())]


def test_what_many_devices_met_of_one_site_is_one_row(room: RoomClient) -> None:
    entries = [refused("i.instagram.com", f"{at:012x}", 1_800_000_100 - at, count=2) for at in range(30)]
    (row,) = describe_refusals(room, [*entries, refused("instagram.com", f"{0:012x}")], NOW.timestamp())
    assert (row.site, row.second, row.count, row.why) == ("instagram.com", 1_800_000_100, 61, "Social networks")
    assert (row.devices[0], len(row.devices), row.more_devices) == ((f"{0:012x}", 3), MAX_DEVICES, 22)


@pytest.mark.parametrize(
    ("names", "asked_for"),
    [
        (("www.tiktok.com",), ["tiktok.com"]),
        (("www.tiktok.com", "tiktok.com"), ["tiktok.com"]),
        (("graph.instagram.com",), ["graph.instagram.com"]),  # no wider than what was refused
        (("a.closed.example", "b.closed.example"), ["closed.example"]),
        (("a.free.example", "b.free.example"), ["a.free.example", "b.free.example"]),  # the site itself is open
        (("co.uk",), ["co.uk"]),
    ],
)
def test_a_row_asks_for_the_site_and_no_wider(
    room: RoomClient, names: tuple[str, ...], asked_for: list[str]
) -> None:
    assert sites(room, *map(refused, names)) == asked_for


def test_a_page_has_only_so_many_rows(room: RoomClient) -> None:
    assert len(sites(room, *(refused(f"s{at}.example") for at in range(60)))) == MAX_SITES


def test_a_row_says_that_its_site_was_asked_for_or_that_the_teacher_may_open_it(room: RoomClient) -> None:
    entries = [refused("www.tiktok.com"), refused("coolmathgames.com")]
    asked = RequestState(request=replace(wish(1), site="tiktok.com"), state="waiting")
    social, game = describe_refusals(room, entries, NOW.timestamp(), [asked])
    assert (social.now, social.minutes) == ("asked", 0)
    assert (game.now, game.minutes) == ("closed", 30)
    (later,) = describe_refusals(room, entries[1:], NOW.timestamp())
    assert later.key == game.key


def test_before_anything_is_sent_the_page_says_what_it_would_come_to(room: RoomClient) -> None:
    social = look_ahead(room, "https://www.tiktok.com/@somebody", ())
    assert social is not None
    assert (social.site, social.why, social.at_once, social.minutes) == (
        "www.tiktok.com", "Social networks", False, 60,
    )  # fmt: skip
    game = look_ahead(room, "coolmathgames.com", ())
    assert game is not None
    assert (game.at_once, game.minutes, game.usual_minutes) == (True, 30, None)
    locked, free = look_ahead(room, "locked.example", ()), look_ahead(room, "free.example", ())
    assert locked is not None
    assert free is not None
    assert "nobody can open it" in locked.instead
    assert "open already" in free.instead
    assert look_ahead(room, "not a site", ()) is None


def test_how_long_a_decision_takes_is_said_of_those_that_somebody_made(room: RoomClient) -> None:
    def decided(number: int, minutes: int, **fields: Any) -> RequestState:
        at = wish(number).asked_at + timedelta(minutes=minutes)
        return state(number, **({"state": "approved", "decided_by": "cora", "decided_at": at} | fields))

    assert usual_minutes([decided(1, 4)]) is None
    taken = [decided(1, 4), decided(2, 6), decided(3, 50), state(4), decided(5, 999, expired=True)]
    assert usual_minutes([*taken, decided(6, 0, decided_by=wish(6).teacher)]) == 6
    social = look_ahead(room, "tiktok.com", taken)
    assert social is not None
    assert social.usual_minutes == 6


@pytest.mark.parametrize(
    ("fields", "on_top"),
    [
        ({}, True),
        ({"state": "approved", "until": NOW + timedelta(minutes=5)}, True),
        ({"state": "approved", "until": NOW - timedelta(minutes=5)}, False),
        ({"state": "denied", "decided_at": NOW - timedelta(minutes=5)}, True),
        ({"state": "denied", "decided_at": NOW - timedelta(hours=2)}, False),
        ({"state": "approved", "permanent": True, "decided_at": NOW - timedelta(hours=2)}, False),
        ({"state": "ended"}, False),
    ],
)
def test_what_is_over_is_folded_away(fields: dict[str, Any], on_top: bool) -> None:
    assert _still_matters(state(1, **fields), NOW) is on_top


def test_a_reason_is_tapped_instead_of_typed_and_two_taps_are_one_request(
    folder: Path, central: FakeCentral
) -> None:
    async def story(_agent: Agent, teacher: FlaskClient) -> None:
        for _ in range(2):
            await ask(teacher, 1, reason="", quick="lesson")
        await until("it", lambda: len(central.taken["requests"]) == 1)
        (sent,) = central.taken["requests"]
        assert (sent["reason"], sent["urgent"], sent["minutes"]) == ("Needed in this lesson", True, 30)
        assert "say in a few words what it is for" in await ask(teacher, 2, reason="", quick="nothing")

    run_story(folder, central, story)
