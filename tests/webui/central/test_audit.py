"""The audit, as the coordinator sees them at central."""

import os
import re
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from appliance.central import audit, audit_witnesses
from appliance.central.audit_check import (
    STATE_FILE,
    AuditCheckJob,
    CheckState,
    RunningCheck,
    run_check,
    take_check_lock,
)
from appliance.protocol import HealthReceived, KeptHeads, RoomAction, RoomHealth, SiteReport
from appliance.room.agent.audit_witness import to_kept_head
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press


def test_everything_stands_in_the_audit(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Not today")
    text = cora.open("/audit").text
    for words in ("room enrolled", "account added", "denied", "Not today"):
        assert words in text
    with school.store.read_session() as session:
        assert audit.list_audit_entries(session)


@pytest.mark.parametrize("who", ["cora", "nobody"])
def test_whom_a_room_names_is_what_that_room_says(cora: Browser, school: Any, who: str) -> None:
    now = school.clock()
    asked = msgspec.structs.replace(school.unblock_request(), teacher=who)
    messages = {
        f"actions/{'a' * 32}": RoomAction(id="a" * 32, who=who, what="room paused", happened_at=now),
        f"reports/{'b' * 32}": SiteReport(id="b" * 32, site="bad.example.org", teacher=who, reported_at=now),
        f"requests/{asked.id}": asked,
    }
    with school.as_room("Room 7") as room:
        for path, message in messages.items():
            assert room.put(path, content=msgspec.json.encode(message)).status_code == 201
    with school.store.read_session() as session:
        lines = audit.list_audit_entries(session, len(messages))
    assert [(line.room, line.who) for line in lines] == [("Room 7", who)] * len(messages)
    assert {line.detail.endswith("; there is no account nobody") for line in lines} == {who == "nobody"}
    assert cora.open("/audit").text.count(f"<bdi>Room 7</bdi> says: <bdi>{who}</bdi>") == len(messages)


def test_who_takes_a_request_back_is_not_said_to_be_who_asked(cora: Browser, school: Any) -> None:
    with school.as_room() as room:
        for opened in (False, True):
            asked = school.unblock_request()
            room.put(f"requests/{asked.id}", content=msgspec.json.encode(asked))
            if opened:
                press(cora.open("/"), "/decide", "approve", minutes="10")
            assert room.delete(f"requests/{asked.id}").status_code == 200
            with school.store.read_session() as session:
                (line,) = audit.list_audit_entries(session, 1)
            assert line.what == ("ended" if opened else "request withdrawn")
            assert (line.room, line.who) == ("Room 4", "")


def test_what_the_coordinator_does_is_no_claim(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Not today")
    with school.store.read_session() as session:
        (line,) = audit.list_audit_entries(session, 1)
    assert (line.room, line.who, line.what) == ("", "cora", "denied")


def test_entries_are_found_a_page_at_a_time(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        for number in range(120):
            audit.record_audit(session, school.clock(), "dora", "rule: block", f"site{number}.example.org")
    page = cora.open("/audit?person=dora")
    assert "site119." in page.text
    assert "site19." not in page.text
    older = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert older is not None
    page = cora.open(older[1].replace("&amp;", "&"))
    assert "site19." in page.text
    assert "site0." in page.text
    assert 'rel="next"' not in page.text
    assert "There is nothing like that" in cora.open("/audit?words=nowhere").text
    for odd in ("before=x", "after=99999999999999999999", "since=2026-99-99", "until=0001-01-01", "before=0"):
        assert cora.open(f"/audit?{odd}").text


def test_who_takes_the_audit_along_stands_in_it(cora: Browser, school: Any) -> None:
    cora.open("/audit?person=cora")
    taken = press(cora, "/audit/export", "csv").text
    assert taken.splitlines()[0] == "number,at,who,room,what,detail,hash"
    assert {line.split(",")[2] for line in taken.splitlines()[1:]} == {"cora"}
    with school.store.read_session() as session:
        (line,) = audit.list_audit_entries(session, 1)
    assert (line.who, line.what, line.detail) == ("cora", "audit exported", "of cora")


def test_health_names_the_newest_entry_and_a_room_says_what_it_has_kept(school: Any) -> None:
    health = RoomHealth(version="1", policy=1, index="", index_age_seconds=0.0, conditions=())
    with school.as_room("Room 9") as room:
        answer = msgspec.json.decode(
            room.put("health", content=msgspec.json.encode(health)).content, type=HealthReceived
        )
        kept = KeptHeads((to_kept_head(answer),))
        assert room.put("audit-heads", content=msgspec.json.encode(kept)).status_code == 200
    with school.store.read_session() as session:
        assert audit.read_head(session).number == answer.audit_number
        assert audit_witnesses.list_kept_heads(session, "Room 9") == list(kept.heads)


def test_a_deputy_coordinator_reads_the_audit_and_cannot_take_it_along(cora: Browser, school: Any) -> None:
    school.account("dora", "deputy_coordinator")
    taken = {"csrf_token": cora.open("/audit").form_with(action="/audit/export").fields["csrf_token"]}
    with Browser(school.url) as browser:
        dora = browser.sign_in("dora", PASSWORD)
        assert "account added" in dora.open("/audit").text
        assert "/audit/export" not in dora.text
        token = dora.open("/rules").form_with("name", "action").fields["csrf_token"]
        answer = dora.client.post("/audit/export", data={"format": "csv", "csrf_token": token})
        assert answer.status_code == 403
    assert cora.client.post("/audit/export", data={"format": "csv", **taken}).status_code == 200
    with school.store.read_session() as session:
        assert [one.who for one in audit.list_audit_entries(session) if one.what == "audit exported"] == ["cora"]


def test_the_page_proves_the_audit_one_check_at_a_time(cora: Browser, school: Any) -> None:
    folder = school.central.settings.central.data
    assert "It has not been checked on this page yet." in cora.open("/audit").text
    lock = take_check_lock(folder)  # as a check does that runs
    assert lock is not None
    running = RunningCheck(by="bela", began_at=school.clock(), done=5000, total=12000)
    (folder / STATE_FILE).write_bytes(msgspec.json.encode(CheckState(running=running)))
    page = cora.open("/audit")
    assert "5,000 of 12,000 entries" in page.text
    assert "Check every entry now" not in page.text
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[0]
    again = cora.client.post(
        "/audit/check", data={"csrf_token": token}, headers={"Referer": school.url + "/audit"}
    )
    assert "The audit is being checked already." in again.text
    os.close(lock)
    assert "ended before it was finished" in cora.open("/audit").text
    job = AuditCheckJob(database="", data=folder, shared=folder, by="cora")
    run_check(job, school.clock)
    assert "Nothing was altered, removed or inserted." in cora.open("/audit").text
    assert "The audit is not what was written" not in cora.open("/home").text
    with school.store.write_session(affects_rooms=False) as session:
        session.execute(text("UPDATE audit SET detail = 'nothing' WHERE id = 2"))
    run_check(job, school.clock)
    page = cora.open("/audit")
    assert "Entry 2, or one just before it, is not what was written." in page.text
    assert 'href="/audit?before=12"' in page.text
    assert "Put no backup back yet" in page.text
    assert "The audit is not what was written" in cora.open("/home").text


def test_the_button_begins_a_check_that_ends_by_itself(cora: Browser, school: Any) -> None:
    assert "The audit is being checked." in press(cora.open("/audit"), "/audit/check").text
    process = school.central.audit_checker._process
    assert process is not None
    assert process.wait(60) == 0
    assert "Nothing was altered, removed or inserted." in cora.open("/audit").text
