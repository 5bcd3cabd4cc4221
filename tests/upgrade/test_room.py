"""Today's room on the folder that 0.1 left: its files are read as they are, and nothing in them is lost."""

import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.room.agent.store import AgentStore
from appliance.room.conditions import Condition
from appliance.room.health import read_health
from appliance.room.local_overrides import read_active_overrides
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.schema import migrate_query_log
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.policy.verdict import Step
from tests.upgrade import old_data
from tests.upgrade.old_data import OLD, SITE

THAT_EVENING = datetime(2026, 11, 27, 18, 10, tzinfo=UTC)
ROWS = {"rows": 22, "answers": 61}  # what the log held
DEVICE = "716b2d7004d5"


@pytest.fixture
def settings(tmp_path: Path) -> RoomSettings:
    return load_settings(old_data.lay_out_room(tmp_path / "room"), RoomSettings)


@pytest.fixture
def paths(settings: RoomSettings) -> RoomPaths:
    return RoomPaths.from_settings(settings)


def test_every_setting_of_before_is_read_and_means_what_it_meant() -> None:
    room = load_settings(OLD / "room-every-key.toml", RoomSettings)
    assert [str(one) for one in room.dns.listen] == ["127.0.0.1:5300", "[::1]:5300"]
    assert [one.transport for one in room.dns.upstreams] == ["plain", "plain", "tls", "https"]
    assert [one.domain.name for one in room.dns.forward] == ["school.example.org", "2.0.192.in-addr.arpa"]
    assert room.dns.record[0].name == "printer.school.example.org"
    assert room.dns.tls is not None
    assert (room.dns.tls.name, room.dns.cache.megabytes, room.button.pin) == ("dns.example.org", 8, 22)
    assert (room.log.keep_allowed_days, room.log.detail, room.log.key_from_central) == (5, "domains", True)
    assert room.central is not None
    assert room.central.certificate == OLD / "central.crt"
    alone = load_settings(OLD / "room-alone.toml", RoomSettings)
    assert alone.policy is not None
    assert (alone.policy.closed, alone.policy.safe_search) == (("games", "pornography"), True)
    assert alone.lists.index == OLD / "index"
    central = load_settings(OLD / "central-every-key.toml", CentralSettings)
    assert (central.central.timezone, str(central.central.listen)) == ("Europe/Dublin", "127.0.0.1:8081")
    assert central.tls is not None


def test_the_policy_and_the_index_of_before_decide_as_they_did(settings: RoomSettings, paths: RoomPaths) -> None:
    loader = PolicyLoader(settings, paths, clock_trusted=lambda: True, now=lambda: THAT_EVENING.timestamp() + 8000)
    policy = loader.load()
    assert loader.conditions == {}
    assert loader.index_size > 900, "the published index, not the one that Hallpass brings"
    view = policy.view_for_group("pupils")
    decided = {
        name: view.decide(name, 1, THAT_EVENING.timestamp() + 8000).step
        for name in (SITE, "listed.example.org", "blocked.example.org", "locked.example.org", "open.example.org",
                     "approved.example.org", "other.example.org")
    }  # fmt: skip
    assert decided == {
        SITE: Step.LIST, "listed.example.org": Step.LIST, "blocked.example.org": Step.RULE,
        "locked.example.org": Step.LOCKED, "open.example.org": Step.RULE, "approved.example.org": Step.UNBLOCK,
        "other.example.org": Step.DEFAULT,
    }  # fmt: skip


def test_the_lesson_that_a_teacher_began_before_runs_on(paths: RoomPaths) -> None:
    found = read_active_overrides(paths.local_overrides, THAT_EVENING.timestamp())
    assert not found.damaged
    (lesson,) = found.lessons
    assert (lesson.title, lesson.sites, lesson.by) == ("Maps", ("lesson.example.org",), "teacher")


def test_the_log_of_before_is_searched_and_keeps_every_row(settings: RoomSettings, paths: RoomPaths) -> None:
    with contextlib.closing(open_database_for_writing(paths.query_log, None)) as connection:
        migrate_query_log(connection)
    log = QueryLogReader.from_settings(settings)
    stats = log.read_stats()
    assert {"rows": stats.rows, "answers": stats.queries} == ROWS
    found = log.search_entries(QueryLogFilter(name=SITE, verdict="refused"))
    assert {(one.device, one.category, one.step) for one in found} == {(DEVICE, "games", "list")}
    assert [one for one in log.read_incidents() if one.kind == "locked-category"]
    assert log.read_by_hour(THAT_EVENING - timedelta(days=1)) == [("2026-11-27T18:00:00Z", 61, 18)]


def test_what_the_agent_kept_is_sent_and_shown(paths: RoomPaths) -> None:
    with contextlib.closing(AgentStore(paths.agent_store)) as store:
        waiting = {(one.kind, b"kept.example.org" in one.body) for one in store.pending_messages()}
        assert waiting == {("request", True), ("action", False)}
        states = {one.request.site: one.state for one in store.list_requests(THAT_EVENING - timedelta(days=1))}
    assert states == {
        "waiting.example.org": "waiting", "denied.example.org": "denied", "withdrawn.example.org": "withdrawn",
        "ended.example.org": "ended", "approved.example.org": "approved", "kept.example.org": "waiting",
    }  # fmt: skip
    assert not list(paths.data.glob("*.damaged*")), "nothing was set aside"


def test_whoever_signed_in_before_is_known_while_central_is_away(paths: RoomPaths) -> None:
    with contextlib.closing(AgentStore(paths.agent_store)) as store:
        kept = store.find_kept_sign_in("teacher", THAT_EVENING)
    with contextlib.closing(sqlite3.connect(paths.agent_store)) as database:
        (username,) = database.execute("SELECT username FROM verifiers").fetchone()
    assert username == "teacher"
    assert kept is not None
    assert kept.account.roles == ("teacher",)


def test_what_processes_said_last_is_read_and_they_are_said_to_have_stopped(paths: RoomPaths) -> None:
    found = read_health(paths.health_folder, THAT_EVENING.timestamp() + 3600)
    assert {one.process for one in found} == {"agent", "recorder", "resolver-1"}
    assert all("stopped" in str(one.conditions).lower() for one in found)


def test_what_a_newer_central_adds_to_a_policy_is_passed_over_and_kept(
    settings: RoomSettings, paths: RoomPaths
) -> None:
    document = json.loads(paths.policy.read_bytes())
    for one in (document, *document["rules"], *document["profiles"], *document["groups"], *document["unblocks"]):
        one["of-2031"] = {"words": ["nobody here knows"]}
    paths.policy.write_text(json.dumps(document))
    loader = PolicyLoader(settings, paths, clock_trusted=lambda: True, now=THAT_EVENING.timestamp)
    view = loader.load().view_for_group("pupils")
    assert view.decide("locked.example.org", 1, THAT_EVENING.timestamp()).step is Step.LOCKED
    assert loader.conditions == {}
    assert json.loads(paths.policy.read_bytes()) == document


def test_a_policy_that_means_what_nobody_here_knows_leaves_the_one_before_in_force(
    settings: RoomSettings, paths: RoomPaths
) -> None:
    loader = PolicyLoader(settings, paths, keeps_copy=True, clock_trusted=lambda: True, now=THAT_EVENING.timestamp)
    loader.load()
    document = json.loads(paths.policy.read_bytes())
    document["rules"][0]["action"] = "shrug"
    paths.policy.write_text(json.dumps(document))
    anew = PolicyLoader(settings, paths, keeps_copy=True, clock_trusted=lambda: True, now=THAT_EVENING.timestamp)
    for one in (loader, anew):  # as it runs, and after a start
        view = one.load().view_for_group("pupils")
        assert view.decide("blocked.example.org", 1, THAT_EVENING.timestamp()).step is Step.RULE
        assert Condition.POLICY_DAMAGED in one.conditions
