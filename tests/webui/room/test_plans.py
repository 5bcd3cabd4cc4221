"""Lesson plans: kept, checked for their time, asked for in one request, started; a plan opens nothing."""

import contextlib
import html
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from flask.testing import FlaskClient

from appliance.protocol import Account, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent import installer, rpc
from appliance.settings.dns import DnsSection
from appliance.settings.room import CentralLink, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from dns.policy.document import Period, Rule, SchoolPlan
from tests.appliance.room.agent.test_room_decisions import POLICY
from tests.fakes.signed_in import signed_in_client
from tests.webui.room.conftest import TESS
from tests.webui.test_every_door import RunningAgent
from webui.room.app import create_app

TOM = Account(username="tom", name="Tom Teacher", role="teacher")
GAME, CLOSED, CASINO = "coolmathgames.com", "closed-by-us.example", "888casino.com"
SCHOOL_PLAN = SchoolPlan(
    id="5" * 32, title="Year 5: rivers", links=("https://www.example.org/rivers", CLOSED), minutes=30
)
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)


class PlanningRoom:
    """A room with an agent that delivers nothing, and two teachers."""

    def __init__(self, folder: Path) -> None:
        self.agent = RunningAgent(folder, "http://127.0.0.1:1", "a-token")
        day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[TOMORROW.weekday()]
        opened = Period(start="00:00", end="24:00", opens=("gambling",), when="every-day", days=(day,))  # type: ignore[arg-type]  # one of the seven
        profile = msgspec.structs.replace(POLICY.profiles[0], timetable=(opened,))
        rules = (*POLICY.rules, Rule(name="locked.example", action="block", locked=True))
        policy = msgspec.structs.replace(POLICY, rules=rules, profiles=(profile,), school_plans=(SCHOOL_PLAN,))
        installer.install_policy(self.agent.paths, msgspec.json.encode(policy))
        link = CentralLink(url="http://127.0.0.1:1", token_file=folder / "token")
        app = create_app(
            RoomSettings(
                room=RoomSection(name="Room 4", data=self.agent.paths.data, run=self.agent.paths.sockets),
                dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
                central=link,
            )
        )
        app.config["WTF_CSRF_ENABLED"] = False
        self.tess, self.tom = signed_in_client(app, TESS), signed_in_client(app, TOM)
        self._number = 0

    def plan(self, links: str, teacher: FlaskClient | None = None, **fields: Any) -> tuple[str, str]:
        """Keep a new plan; return its id, and its page."""
        self._number += 1
        key = f"{self._number:032x}"
        form = {"key": key, "title": "Rivers", "links": links, "minutes": "60"} | fields
        return key, self.post("/plans", teacher, **form)

    def post(self, path: str, teacher: FlaskClient | None = None, **form: Any) -> str:
        answer = (teacher or self.tess).post(path, data=form, follow_redirects=True)
        assert answer.status_code == 200, answer.status
        return html.unescape(answer.get_data(as_text=True))

    def read(self, path: str, teacher: FlaskClient | None = None) -> str:
        return html.unescape((teacher or self.tess).get(path).get_data(as_text=True))

    def requests(self) -> list[UnblockRequest]:
        bodies = [one.body for one in self.agent.outbox() if one.kind == "request"]  # type: ignore[attr-defined]  # messages
        return [msgspec.json.decode(one, type=UnblockRequest) for one in bodies]

    def overrides(self) -> local_overrides.LocalOverrides:
        return local_overrides.read_active_overrides(
            self.agent.paths.local_overrides, datetime.now(UTC).timestamp()
        )


@pytest.fixture(scope="module")
def planning() -> Iterator[PlanningRoom]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        room = PlanningRoom(Path(folder))
        with contextlib.closing(room.agent):
            yield room


def local(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Europe/London')):%Y-%m-%dT%H:%M}"


def row(page: str, site: str) -> str:
    return page.partition(f'<td class="name">{site}</td>')[2].partition("</tr>")[0]


def test_each_link_of_a_plan_is_checked_for_its_time(planning: PlanningRoom) -> None:
    links = f"https://www.example.org/page\n{GAME}\n{CLOSED}\nlocked.example\nno name\n{CASINO}"
    _, page = planning.plan(links)
    assert "<td>open</td>" in row(page, "www.example.org")
    assert "You may open it by yourself for 30 minutes" in row(page, GAME)
    assert ("closed" in row(page, CLOSED), "The coordinator decides" in row(page, CLOSED)) == (True, True)
    assert "Nobody can open it" in row(page, "locked.example")
    assert "<td>no site</td>" in row(page, "no name")
    assert "<td>closed</td>" in row(page, CASINO)
    _, later = planning.plan(links, start=local(TOMORROW))
    assert "<td>open</td>" in row(later, CASINO)  # by the timetable of that day
    assert "The coordinator decides" in row(later, GAME)
    assert planning.overrides() == local_overrides.LocalOverrides()
    assert planning.requests() == []


def test_what_is_closed_becomes_one_request_for_the_lessons_time_with_its_answer_in_the_plan(
    planning: PlanningRoom,
) -> None:
    key, page = planning.plan(f"{GAME}\n{CLOSED}\nwww.example.org", start=local(TOMORROW), title="Romans")
    assert "Ask for the 2 closed sites" in page
    for _ in range(2):  # a double click
        page = planning.post(f"/plans/{key}/ask")
    [asked] = planning.requests()
    assert (asked.site, asked.also, asked.since, asked.minutes) == (GAME, (CLOSED,), TOMORROW, 60)
    assert (asked.teacher, asked.lesson) == ("tess", "Romans")
    assert "asked for" in row(page, GAME)
    assert "and 1 more" in page
    assert "Ask for" not in page.partition("<details")[0].partition("</table>")[2].replace("Asked for", "")
    planning.post(f"/requests/{asked.id}/withdraw")
    assert "Ask for the 2 closed" in planning.read(f"/plans/{key}")


def test_a_lesson_is_started_from_its_plan_and_opens_nothing_and_is_extended_once(planning: PlanningRoom) -> None:
    _, page = planning.plan(f"www.example.org\n{CLOSED}\nlocked.example")
    assert 'name="sites" value="www.example.org\nclosed-by-us.example"' in page
    planning.post("/classroom/lesson", sites=f"www.example.org\n{CLOSED}", minutes="60", title="Rivers")
    [lesson] = planning.overrides().lessons
    assert planning.overrides().unblocks == ()
    for _ in range(2):
        page = planning.post(f"/classroom/extend/{lesson.id}", until=lesson.until.isoformat())
    [longer] = planning.overrides().lessons
    assert timedelta(minutes=9) < longer.until - lesson.until <= timedelta(minutes=11)
    assert "That lesson is over" in page  # its number is another one by now
    assert "until" in planning.post(f"/classroom/extend/{longer.id}", until="yesterday")
    planning.post(f"/classroom/end/{longer.id}")


def test_a_plan_is_its_owners_is_shared_when_wished_and_comes_back_when_deleted(planning: PlanningRoom) -> None:
    mine, _ = planning.plan("www.example.org", title="My own")
    shared, _ = planning.plan("www.example.org", title="For all", shared="y")
    assert planning.tom.get(f"/plans/{mine}").status_code == 404
    assert "My own" not in planning.read("/plans", planning.tom)
    page = planning.read(f"/plans/{shared}", planning.tom)
    assert ("Make your own of it" in page, "Delete the plan" in page) == (True, False)
    assert "is not yours" in planning.post(f"/plans/{shared}/ask", planning.tom)
    planning.post(f"/plans/{shared}/delete", planning.tom)
    copy = {"key": "e" * 32, "title": "Tom's", "links": "www.example.org", "minutes": "30"}
    assert "your own plan now" in planning.post(f"/plans/{shared}", planning.tom, **copy)
    assert "For all" in planning.read("/plans")
    assert "The plan is gone" in planning.post(f"/plans/{mine}/delete")
    assert planning.tess.get(f"/plans/{mine}").status_code == 404
    planning.post(f"/plans/{mine}/delete", restore="1")
    assert "My own" in planning.read(f"/plans/{mine}")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": ""}, "What is the lesson?"), ({"title": " "}, "What is the lesson?"),
        ({"title": "a\x00b"}, "no text may hold"), ({"title": "x" * 101}, "too long"),
        ({"links": ""}, "Which links?"), ({"links": "a.example\n\u202eb"}, "no text may hold"),
        ({"links": "x" * 301}, "at most 300 characters"), ({"links": "a.example\n" * 31}, "At most 30 links"),
        ({"start": "2027-03-28T01:30"}, "there is no such hour"), ({"start": "\u0661"}, "Not a valid"),
        ({"minutes": "9999999"}, "Not a valid choice"), ({"key": "x"}, "send it again"),
        ({"links": ["a.example", "b.example"], "title": ["", "b"]}, "What is the lesson?"),
    ],
)  # fmt: skip
def test_what_makes_no_plan_is_said_and_the_form_stays_filled(
    planning: PlanningRoom, fields: dict[str, Any], words: str
) -> None:
    form = {"key": "f" * 32, "title": "Kept title", "links": "kept.example", "minutes": "60"} | fields
    page = planning.post("/plans", **form)
    assert words in page
    assert "Kept title" in page or "kept.example" in page or "a.example" in page
    assert planning.tess.get(f"/plans/{'f' * 32}").status_code == 404


def test_plans_of_one_teacher_are_bounded_and_nobody_writes_anothers(planning: PlanningRoom) -> None:
    said = [planning.plan("www.example.org", planning.tom)[1] for _ in range(31)]
    assert "please delete one first" in said[-1]
    of_tess, _ = planning.plan("www.example.org")
    rpc.send_rpc_request(planning.agent.paths.agent_socket, rpc.DeletePlanRequest(who="tom", plan=of_tess))
    assert planning.tess.get(f"/plans/{of_tess}").status_code == 200
    for path in ("/plans/nothing", f"/plans/{'0' * 400}", "/plans/%00"):
        assert planning.tess.get(path).status_code == 404
    assert planning.tess.post("/plans/nothing/ask").status_code == 404


def test_the_schools_plans_are_in_every_room_for_every_teacher_and_nobody_changes_them_there(
    planning: PlanningRoom,
) -> None:
    for teacher in (planning.tess, planning.tom):
        of_school = planning.read("/plans", teacher).partition("Of the school")[2].partition("A new plan")[0]
        assert (SCHOOL_PLAN.title in of_school, "30 minutes" in of_school) == (True, True)
    page = planning.read(f"/plans/{SCHOOL_PLAN.id}")
    assert ", a plan of the school" in page
    assert "<td>open</td>" in row(page, "www.example.org")
    assert "closed" in row(page, CLOSED)
    assert ("Make your own of it" in page, "Delete the plan" in page) == (True, False)
    assert "is not yours" in planning.post(f"/plans/{SCHOOL_PLAN.id}/ask")
    planning.post(f"/plans/{SCHOOL_PLAN.id}/delete")
    assert planning.tess.get(f"/plans/{SCHOOL_PLAN.id}").status_code == 200


def test_of_the_schools_plan_a_teacher_makes_their_own_and_a_lesson(planning: PlanningRoom) -> None:
    copy = {"key": "c" * 32, "title": "My rivers", "links": CLOSED, "minutes": "30"}
    assert "your own plan now" in planning.post(f"/plans/{SCHOOL_PLAN.id}", None, **copy)
    assert "The coordinator was asked" in planning.post(f"/plans/{'c' * 32}/ask")
    page = planning.read(f"/plans/{SCHOOL_PLAN.id}")
    assert SCHOOL_PLAN.title in page
    planning.post("/classroom/lesson", sites=f"www.example.org\n{CLOSED}", minutes="30", title=SCHOOL_PLAN.title)
    (lesson,) = planning.overrides().lessons
    assert lesson.title == SCHOOL_PLAN.title
    for path in ("/", "/classroom"):
        assert f"Still closed: <bdi>{CLOSED}</bdi>." in planning.read(path)


def test_a_lesson_that_was_ended_by_mistake_goes_on_by_undo(planning: PlanningRoom) -> None:
    planning.post("/classroom/lesson", sites="www.example.org", minutes="60", title="Rivers")
    (lesson,) = planning.overrides().lessons
    page = planning.post(f"/classroom/end/{lesson.id}", None, **{"from": "today"})
    assert ("The lesson has ended." in page, "Refused today" in page) == (True, True)
    assert planning.overrides().lessons == ()
    undo = page.partition('action="/classroom/lesson"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', undo))
    planning.post("/classroom/lesson", None, **fields)
    (again,) = planning.overrides().lessons
    assert (again.sites, again.title) == (lesson.sites, "Rivers")
    assert abs(again.until - lesson.until) < timedelta(minutes=1)


def test_what_ends_is_named_and_undo_comes_back_to_the_page_that_it_stood_on(planning: PlanningRoom) -> None:
    page = planning.post("/classroom/pause", None, minutes="10", **{"from": "today"})
    undo = page.partition('action="/classroom/end/')[2].partition("</form>")[0]
    assert 'name="from" value="today"' in undo
    page = planning.post(f"/classroom/end/{undo.partition(chr(34))[0]}", None, **{"from": "today"})
    assert ("The pause has ended." in page, "Refused today" in page) == (True, True)
