"""Both sites with something on every page: a day's work of a school, with words as long as they may be."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
from flask import Flask
from werkzeug.serving import make_server

from appliance import protocol
from appliance.central import (
    accounts,
    lookups,
    reports,
    requests,
    rooms,
    rules,
    school_settings,
    script_keys,
    webhooks,
)
from appliance.central.audit_chain import AuditHead
from appliance.central.audit_check import STATE_FILE, CheckState, FinishedCheck, RunningCheck
from appliance.central.audit_verification import AuditProof, Comparison, Finding, Fork, Verification
from appliance.central.devices import imports, inventory
from appliance.central.devices.inventory import DeviceFields
from appliance.central.incidents.intake import receive_incident
from appliance.central.lists import sources
from appliance.central.school_settings_values import parse_settings
from appliance.rights import SCHOOL_ROLES, SCRIPT_RIGHTS, Scope, has_right
from appliance.room.agent import rpc
from appliance.room.lesson_plans import LessonPlan
from appliance.room.paths import RoomPaths
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.store import LogStore
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from dns.querylog.records import QueryRecord, RecordBatch
from tests.fakes.school import PASSWORD, FakeSchool
from tests.webui.test_every_door import RunningAgent
from webui.central.app import create_central_app
from webui.room.app import create_app

LONG = "Llanfairpwllgwyngyll" * 25  # 500 characters without a place to break
PLAN_ID = "9" * 32
LONG_NAME = ".".join(["x" * 60] * 3 + ["example.org"])

SETTINGS = {
    "private_names": [LONG_NAME],
    "closed_addresses": [{"network": "2001:db8::-2001:db8::ffff:ffff", "category": "circumvention"}],
    "school_plans": [
        {"id": PLAN_ID, "title": LONG[:100], "links": [LONG_NAME, LONG[:300]], "minutes": 60},
    ],
    "bundles": [{"site": LONG_NAME, "names": ["games.example.org", f"a.{LONG_NAME[20:]}"]}],
}


# What a coordinator can let a script do.
OF_COORDINATORS = tuple(one for one in SCRIPT_RIGHTS if has_right("coordinator", one, Scope.SCHOOL))


class FurnishedSchool(FakeSchool):
    """Central with requests, openings, reports, rules, incidents, lists and rooms."""

    def __init__(self, folder: Path, *, database: str = "") -> None:
        super().__init__(folder, database=database)
        self.enrol("Room 4")
        self.enrol("Room 5")
        self.account("cora", "coordinator")
        for role in SCHOOL_ROLES:
            self.account(role, role)  # whoever may look at a page looks at it (tests/webui/every_page.py)
        self.arguments: dict[str, object] = {
            "group_id": uuid4().hex,  # of incidents: the id of the first
            "lookup_id": uuid4().hex,
            "report_id": uuid4().hex,
            "request_id": "",
            "guide": "teacher",
            "username": "cora",
            "name": "pupils",
            "handle": "0" * 16,
            "token": "0" * 43,
            "sign_in_id": "0" * 32,
            "plan_id": PLAN_ID,
            "change": "0" * 32,
            "decision_id": "0" * 32,
            "lesson_id": "0" * 32,
            "role": "safeguarding",
        }
        self._furnish_requests()
        self._furnish_files()
        with self.store.write_session() as session:
            room, now = session.merge(self.room()), self.clock()
            device = DeviceFields(name=LONG[:60], addresses=("00:00:5e:00:53:01",), group="pupils")
            inventory.add_device(session, now, device, by="cora")
            file = f"name,addresses,group\n{LONG[:60]} 2,00:00:5e:00:53:02,staff\n".encode()
            self.arguments["import_id"] = imports.keep_import(session, now, file, by="cora")
            rules.add_rule(
                session, now, name="games.example.org", action="block", note=LONG[:200], locked=True, by="cora"
            )
            school_settings.save_settings(
                session, now, changed=parse_settings(SETTINGS), by="cora", fields=SETTINGS.keys()
            )
            script_keys.add_key(
                session,
                now,
                name=LONG[:24],
                owner="cora",
                rights=OF_COORDINATORS,
                ends=now + timedelta(days=30),
                by="cora",
            )
            webhooks.add_webhook(
                session, now, self.central.keys, url=f"https://{LONG_NAME}/hook", events=webhooks.EVENTS,
                is_inside=False, by="cora",
            )  # fmt: skip
            webhooks.enqueue_test(session, now, webhook_id=1)
            rules.add_rule(session, now, name=LONG_NAME, action="allow", note="", locked=False, by="cora")
            reports.receive_report(
                session,
                now,
                room,
                protocol.SiteReport(
                    id=str(self.arguments["report_id"]), site=LONG_NAME, note=LONG, teacher="tess", reported_at=now
                ),
            )
            receive_incident(
                session,
                now,
                room,
                protocol.Incident(
                    id=str(self.arguments["group_id"]),
                    kind="many-refusals",
                    happened_at=now,
                    device="d1" * 6,
                    evidence=(LONG_NAME, "games.example.org"),
                ),
            )
            lookups.ask_room(
                session, now, room_id=room.id, device="d1" * 6, since=now - timedelta(hours=1), until=now,
                reason=LONG, by="safeguarding", whose="pupils", lookup_id=str(self.arguments["lookup_id"]),
            )  # fmt: skip
            rooms.record_health(
                session,
                now,
                room,
                protocol.RoomHealth(
                    version="0.1.0", policy=1, index="", index_age_seconds=10, conditions=("internet-unreachable",)
                ),
            )
            accounts.add_account(
                session, now, username="sam", name=LONG[:200], roles=("teacher",), password=PASSWORD,
                ends=now + timedelta(days=7), by="cora",
            )  # fmt: skip

    def _furnish_files(self) -> None:
        """Hand in a list, and have an audit checked that was changed."""
        settings = self.central.settings.central
        settings.handed_in_folder.mkdir()
        (settings.handed_in_folder / "a.list").write_text(f"{LONG_NAME}\n")
        with self.store.write_session() as session:
            sources.subscribe_source(
                session, self.clock(), name="x" * 63, category="games",
                location=str(settings.handed_in_folder / "a.list"), by="cora",
            )  # fmt: skip
        found = Finding("altered", 3, "it is not what its hash was made of")
        fork = Fork(first=2, newest=9, kept_at=self.clock(), restored_at=self.clock())
        proof = AuditProof(
            verification=Verification(entries=12, head=AuditHead(12, "0" * 64), finding=found),
            rooms=(Comparison(room="Room 4", compared=3, finding=found, forks=(fork,)),),
        )
        running = RunningCheck(by="cora", began_at=self.clock())  # which nobody does: it was ended
        state = CheckState(
            running=running, last=FinishedCheck(by="cora", ended_at=self.clock(), proof=proof), problem=LONG
        )
        (settings.shared_folder / STATE_FILE).write_bytes(msgspec.json.encode(state))

    def _furnish_requests(self) -> None:
        asked = msgspec.structs.replace(self.unblock_request(LONG_NAME), reason=LONG, lesson=LONG[:200])
        with self.store.write_session() as session:
            requests.submit_request(session, self.clock(), session.merge(self.room()), asked)
        self.arguments["request_id"] = asked.id
        approved, denied = self.request(), self.request(site="chat.example.org")
        with self.store.write_session() as session:
            requests.approve_request(
                session,
                self.clock(),
                request_id=approved,
                by="cora",
                minutes=30,
                scope="room",
                groups=(),
                answer="",
            )
            requests.deny_request(session, self.clock(), request_id=denied, by="cora", answer=LONG)


@contextmanager
def furnished_room(folder: Path, school: FurnishedSchool) -> Iterator[Flask]:
    """Yield a room's site, with a lesson, requests and refusals, and an agent that answers it."""
    agent = RunningAgent(folder, "http://127.0.0.1:1", school.enrol("Room 4"))
    settings = RoomSettings(
        room=RoomSection(name="Room 4", data=agent.paths.data, run=agent.paths.sockets),
        dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
    )
    with contextlib.closing(agent):
        write_refusals(RoomPaths.from_settings(settings).query_log)
        asked = msgspec.structs.replace(school.unblock_request(LONG_NAME), reason=LONG, lesson=LONG[:200])
        for question in (
            rpc.SubmitRequest(asked),
            rpc.SavePlanRequest(
                LessonPlan(
                    id=PLAN_ID,
                    owner="tess",
                    title=LONG[:100],
                    links=(LONG_NAME, "no name", LONG[:300]),
                    shared=True,
                )
            ),
            rpc.StartLessonRequest("tess", ("maps.example.org", LONG_NAME), 30, LONG[:100]),
        ):
            rpc.send_rpc_request(agent.paths.agent_socket, question)
        yield create_app(settings)


def write_refusals(path: Path, *, rows: int = 60) -> None:
    """Write a log of today into a new database."""
    now = int(time.time())
    connection = open_database_for_writing(path, None)
    names = [LONG_NAME, "games.example.org", "video.example.com", "maps.example.org"]
    records = [
        QueryRecord(
            second=now - at, device=f"{at % 7:08x}", group="pupils", qtype=1,
            name=names[at] if at < len(names) else f"s{at}.example.org",
            verdict="allowed" if at % 4 == 3 else "refused", step="list", category="games", source="starter",
        )
        for at in range(rows)
    ]  # fmt: skip
    with contextlib.closing(connection):
        LogStore(connection).insert_batches([RecordBatch("w", 1, tuple(records))], now)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a port of this machine, and yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def furnished_sites(folder: Path) -> Iterator[tuple[FurnishedSchool, dict[str, Flask]]]:
    """Yield a school, and the applications of its two sites. The folder's name has to be short."""
    school = FurnishedSchool(folder / "central")
    (folder / "room").mkdir()
    try:
        with furnished_room(folder / "room", school) as room:
            yield school, {"central": create_central_app(school.central), "room": room}
    finally:
        school.close()
