"""A name that is no site is refused at every door, in words that say what to write instead; a site passes."""

import asyncio
import contextlib
import html
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from appliance.central import reports, requests, rules
from appliance.central.models import RequestRow, RuleRow, SiteReportRow, UnblockRow
from appliance.protocol import Account
from appliance.protocol import SiteReport as Report
from appliance.room import local_overrides
from appliance.room.agent import rpc
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.appliance.room.agent.conftest import Agent
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.fakes.signed_in import signed_in_client
from webui.room.app import create_app

# The whole table of spellings stands in tests/dns/policy/test_site_names.py; every door gets one of each kind.
NO_SITE = (
    "co.uk", " CO.UK. ", "https://co.uk/path", "*.co.uk", "co。uk", "com", "公司.cn", "127.1",
    "http://127.0.0.1:8080/", "::1", "[2001:db8::1]:443", "1.2.0.192.in-addr.arpa", "no name",
)  # fmt: skip
ONLY_CLOSED = ("github.io", "https://pages.github.io@s3.amazonaws.com/x")
HALF_A_NAME = ("intranet", "home.arpa")
SITES = ("bbc.co.uk", "example.org", "myschool.sch.uk", "pupil.github.io", "https://www.example.com/a?b#c")

T = TypeVar("T")
WORDS = "give the whole name"
TESS = Account(username="tess", name="Tess Teacher", role="teacher")


class Doors:
    """A school with one room: both pages, the room's agent, and central's machine interface."""

    def __init__(
        self, school: Any, room: httpx.Client, agent: "RunningAgent", teacher: FlaskClient, cora: Browser
    ) -> None:
        self.school = school
        self._room = room
        self._agent = agent
        self._teacher = teacher
        self._cora = cora
        page = teacher.get("/").get_data(as_text=True)
        self._coras_token = cora.open("/rules").form_with("name").fields["csrf_token"]
        self._token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]

    def opening(self) -> dict[str, Callable[[str], str]]:
        """Return every door through which a name is opened: given what was written, each returns what is said."""
        return {
            "the room's form": lambda name: self._page("/requests", site=name, reason="a lesson", minutes="10"),
            "the room's lesson": lambda name: self._page("/classroom/lesson", sites=name, minutes="10"),
            "the agent, a site": lambda name: self._ask(rpc.SubmitRequest(self._asked(name))),
            "the agent, an extra name": lambda name: self._ask(rpc.SubmitRequest(self._asked(also=name))),
            "the agent, a lesson": lambda name: self._ask(rpc.StartLessonRequest("tess", (name,), 10)),
            "the interface, a site": lambda name: self._put("requests", self._asked(name)),
            "the interface, an extra name": lambda name: self._put("requests", self._asked(also=name)),
            "central, what waited since before": self._approve,
            "central, an extra name that waited": lambda name: self._approve("example.org", name),
        }

    def allowing(self) -> dict[str, Callable[[str], str]]:
        """Return every door through which a rule opens a name for good."""
        return {"central, a rule": lambda name: self._rule(name, "allow")}

    def closing(self) -> dict[str, Callable[[str], str]]:
        """Return every door through which a name is closed, or asked to be."""
        return {
            "the room's report": lambda name: self._page("/reports", site=name),
            "the agent, a report": lambda name: self._ask(rpc.ReportRequest(self._report(name))),
            "the interface, a report": lambda name: self._put("reports", self._report(name)),
            "central, a rule": lambda name: self._rule(name, "block"),
            "central, a report closed": self._settle,
        }

    def rules(self) -> set[tuple[str, str]]:
        """Return the school's rules: which name, and what is done with it."""
        with self.school.store.read_session() as session:
            return {(rule.name, rule.action) for rule in rules.list_rules(session)}

    def decided(self) -> local_overrides.LocalOverrides:
        """Return what the room has decided by itself."""
        return local_overrides.read_active_overrides(
            self._agent.paths.local_overrides, self.school.clock().timestamp()
        )

    def requested(self) -> list[RequestRow]:
        """Return what has come to central."""
        with self.school.store.read_session() as session:
            return list(session.scalars(select(RequestRow)))

    def nothing_has_changed(self) -> bool:
        """Tell whether nothing is open, closed, asked for or on its way."""
        made = self.school.document()
        with self.school.store.read_session() as session:
            rows = [
                *session.query(RuleRow),
                *session.query(RequestRow),
                *session.query(SiteReportRow),
                *session.query(UnblockRow),
            ]
        empty = not rows and not made.rules and not made.unblocks
        return empty and self.decided() == local_overrides.LocalOverrides() and not self._agent.outbox()

    def _page(self, path: str, **fields: str) -> str:
        answer = self._teacher.post(path, data={"csrf_token": self._token, **fields}, follow_redirects=True)
        assert answer.status_code == 200
        return html.unescape(answer.get_data(as_text=True))

    def _ask(self, question: rpc.RpcRequest) -> str:
        try:
            rpc.send_rpc_request(self._agent.paths.agent_socket, question)
        except rpc.RpcRejected as no:
            return str(no)
        return ""

    def _put(self, what: str, value: Any) -> str:
        answer = self._room.put(f"/{what}/{value.id}", content=msgspec.json.encode(value))
        if answer.status_code == 201:
            return ""
        assert answer.status_code == 409
        return str(answer.json()["detail"])

    def _approve(self, site: str, also: str = "") -> str:
        """Have the coordinator approve what came to central before there was a door to refuse it."""
        asked = self.school.unblock_request()
        with self.school.store.write_session() as session:
            assert requests.submit_request(session, self.school.clock(), self.school.room(), asked)
            request = session.get_one(RequestRow, asked.id)
            request.site, request.also = site, [also] if also else []
        said = self._central(f"/requests/{asked.id}/decide", decision="approve", scope="room")
        with self.school.store.write_session() as session:
            if session.get_one(RequestRow, asked.id).state == "waiting":
                session.delete(session.get_one(RequestRow, asked.id))
        return said

    def _rule(self, name: str, action: str) -> str:
        return self._central("/rules", name=name, action=action)

    def _settle(self, site: str) -> str:
        report = self._report("example.org")
        with self.school.store.write_session() as session:
            reports.receive_report(session, self.school.clock(), self.school.room(), report)
        said = self._central(f"/reports/{report.id}/settle", close=site)
        with self.school.store.write_session() as session:
            session.delete(session.get_one(SiteReportRow, report.id))
        return said

    def _central(self, path: str, **fields: str) -> str:
        data = {"csrf_token": self._coras_token, **fields}
        answer = self._cora.client.post(path, data=data, follow_redirects=True)
        assert answer.status_code in {200, 422}  # a message, or the form again with what is wrong
        return html.unescape(answer.text)

    def _asked(self, site: str = "example.org", also: str = "") -> Any:
        asked = self.school.unblock_request(site)
        return msgspec.structs.replace(asked, also=(also,)) if also else asked

    def _report(self, site: str) -> Report:
        return Report(id=uuid4().hex, site=site, teacher="tess", reported_at=self.school.clock())


@pytest.fixture
def doors(school: Any) -> Iterator[Doors]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    token = school.enrol("Room 4")
    school.account("cora", "coordinator")
    agent = RunningAgent(folder, school.url, token)
    app = create_app(
        RoomSettings(
            room=RoomSection(name="Room 4", data=agent.paths.data, run=agent.paths.sockets),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        )
    )
    teacher = signed_in_client(app, TESS)
    headers = {"Authorization": f"Bearer {token}"}
    with (
        contextlib.closing(agent),
        httpx.Client(base_url=f"{school.url}/api/v1", headers=headers, timeout=20, trust_env=False) as room,
        Browser(school.url) as cora,
    ):
        yield Doors(school, room, agent, teacher, cora.sign_in("cora", PASSWORD))
    shutil.rmtree(folder)


class RunningAgent:
    """Serves an agent's socket on a thread of its own. It delivers nothing: what it takes stays to be seen."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._agent, self._server = self._do(self._start(folder, url, token))
        self.paths = self._agent.paths

    def outbox(self) -> list[object]:
        """Return what is on its way to central."""

        async def look() -> list[object]:
            return list(self._agent.memory.pending_messages())

        return self._do(look())

    def close(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self, folder: Path, url: str, token: str) -> tuple[Agent, asyncio.Server]:
        agent = Agent(folder, url, token)  # here: its database belongs to the thread that opened it
        return agent, await asyncio.start_unix_server(agent._answers.serve_connection, agent.paths.agent_socket)

    async def _stop(self) -> None:
        self._server.close()
        await self._agent._client.connection.close()
        self._agent.memory.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


def let_in(doors: dict[str, Callable[[str], str]], names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the doors that did not refuse a name in words, each with the name."""
    return [(door, name) for door, knock in doors.items() for name in names if WORDS not in knock(name)]


def test_what_is_no_site_is_opened_and_closed_at_no_door(doors: Doors) -> None:
    assert let_in(doors.opening() | doors.allowing(), NO_SITE) == []
    assert let_in(doors.closing(), NO_SITE) == []
    assert doors.nothing_has_changed()


def test_names_under_which_anybody_puts_up_pages_and_half_names_are_opened_at_no_door(doors: Doors) -> None:
    assert let_in(doors.opening(), (*ONLY_CLOSED, *HALF_A_NAME)) == []
    assert let_in(doors.allowing(), ONLY_CLOSED) == []
    assert doors.nothing_has_changed()


def test_a_school_may_close_what_anybody_puts_up_and_make_rules_for_its_own_network(doors: Doors) -> None:
    assert let_in(doors.closing(), ("github.io",)) == [(door, "github.io") for door in doors.closing()]
    assert let_in(doors.allowing(), ("intranet", "home.arpa")) == [
        (door, name) for door in doors.allowing() for name in ("intranet", "home.arpa")
    ]
    doors.closing()["central, a rule"]("corp")
    made = doors.rules()
    assert made == {("github.io", "block"), ("intranet", "allow"), ("home.arpa", "allow"), ("corp", "block")}


def test_a_site_passes_every_door(doors: Doors) -> None:
    everything = {**doors.opening(), **{f"{door}: open": knock for door, knock in doors.allowing().items()}}
    everything |= doors.closing()
    assert let_in(everything, SITES) == [(door, site) for door in everything for site in SITES]
    names = {"bbc.co.uk", "example.org", "myschool.sch.uk", "pupil.github.io", "www.example.com"}
    assert doors.rules() == {(name, action) for name in names for action in ("allow", "block")}
    assert {name for lesson in doors.decided().lessons for name in lesson.sites} <= names
    assert names <= {name for one in doors.requested() for name in (one.site, *one.also)}


def test_old_entries_open_nothing_and_the_pages_say_so(doors: Doors) -> None:
    school = doors.school
    now = school.clock()
    with school.store.write_session() as session:
        room = session.merge(school.room())
        for name, action in (("co.uk", "allow"), ("com", "block"), ("games.example.org", "allow")):
            session.add(RuleRow(name=name, action=action, note="", locked=False, by="cora", made_at=now))
        session.add(
            UnblockRow(
                room_id=room.id, site="example.org", also=["github.io", "cdn.example.org"], groups=[], since=now,
                until=now + timedelta(hours=1), by="cora",
            )
        )  # fmt: skip
    made = school.document()
    with school.store.read_session() as session:
        assert [one.name for one in rules.list_rules(session)] == ["co.uk", "com", "games.example.org"]
    assert [(rule.name, rule.action) for rule in made.rules] == [("com", "block"), ("games.example.org", "allow")]
    assert [(one.site, one.also) for one in made.unblocks] == [("example.org", ("cdn.example.org",))]
    page = doors._cora.open("/rules").text
    assert "Not in force: co.uk is not one site" in page
    assert "Too wide: com is not one site" in page
    assert page.count("is not one site") == 2
    assert "Opens nothing: under github.io anybody" in doors._cora.open("/").text
