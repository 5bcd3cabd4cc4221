"""What is open, as the coordinator sees them at central."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from appliance.central import script_keys, unblocks
from appliance.central.audit import RoomClaim
from appliance.central.models import UnblockRow
from appliance.rights import Right
from tests.appliance.central.factories import approve
from tests.appliance.central.lists.test_publisher import hand_in, without_the_starter_list
from tests.appliance.central.test_trust_membership import Pair
from tests.e2e.browser import Browser, Form
from tests.fakes.trust import FakeTrust
from tests.webui.central.pages import press, said, state


def test_what_is_open_can_be_ended_at_once(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    cora.open("/rules").open("/")
    assert "every room" in cora.text
    press(cora, "/end")
    assert state(school).state == "ended"
    assert school.document().unblocks == ()


def test_what_was_closed_by_mistake_opens_again_until_it_would_have_ended(cora: Browser, school: Any) -> None:
    def undo_of_closing() -> Form:
        press(cora.open("/requests"), "/end")
        return cora.form_with(action="/openings/undo/")

    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    before = school.document().unblocks
    undo = undo_of_closing()
    for _ in range(2):  # a double click
        cora.send(undo, files=None)
        assert "as it was before" in said(cora)
        assert (state(school).state, school.document().unblocks) == ("approved", before)
    undo = undo_of_closing()
    school.clock.pass_minutes(31)
    cora.send(undo, files=None)
    assert "it would be over by now" in said(cora)
    assert school.document().unblocks == ()


def test_what_a_room_has_closed_for_itself_has_no_undo_at_central(school: Any) -> None:
    school.enrol()
    request_id = school.request()
    unblock = approve(school, request_id)
    with school.store.write_session() as session:
        by = RoomClaim("Room 4")
        assert unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by=by) == ""


def test_many_openings_come_a_page_at_a_time_and_are_found_by_words(cora: Browser, school: Any) -> None:
    now = school.clock()
    with school.store.write_session() as session:
        for i in range(60):
            session.add(
                UnblockRow(
                    site=f"site-{i:02}.example.org", by="dan", since=now, until=now + timedelta(minutes=i + 1)
                )
            )
    cora.open("/requests")
    assert cora.text.count("End now") == 25
    assert "35 more are open or planned" in cora.text
    cora.open("/openings?page=3")
    assert "Page 3 of 3" in cora.text
    assert "site-59.example.org" in cora.text
    assert "site-10.example.org" not in cora.text
    cora.open("/openings?q=site-42+dan")
    assert cora.text.count("End now") == 1
    assert "There is nothing like that" in cora.open("/openings?q=%25").text
    assert "Page 3 of 3" in cora.open("/openings?page=99999").text


def test_an_opening_that_the_trust_closes_by_its_category_is_listed_as_what_it_is(
    cora: Browser, school: Any, tmp_path: Path
) -> None:
    without_the_starter_list(school)
    hand_in(school)  # bad.example.org and worse.example.org, of the category gambling
    school.central.publisher.build_and_publish()
    with school.store.write_session() as session:
        opened = unblocks.open_site(session, school.clock(), site="bad.example.org", minutes=30, by="cora")
        also = unblocks.open_site(
            session, school.clock(), site="fine.example.org", also=("worse.example.org",), minutes=30, by="cora"
        )
        ids = opened.id, also.id
        key = script_keys.add_key(
            session, school.clock(), name="desk", owner="cora", rights=(Right.DECIDE_REQUESTS,),
            ends=school.clock() + timedelta(days=3), by="cora",
        ).token  # fmt: skip
    trust = FakeTrust(tmp_path / "trust")
    pair = Pair(trust, school)
    assert "Closed by the trust" not in cora.open("/openings").text

    pair.lay_down("category", category="gambling")
    trust.close()

    page = cora.open("/openings").text
    assert "Closed by the trust: <bdi>bad.example.org</bdi>. Nobody at the school can open it." in page
    assert "Closed by the trust: <bdi>worse.example.org</bdi>. Nobody at the school can open it." in page
    assert page.count("granted until") == 1, "the other one is open, but for a name that it needs"
    assert page.count("open until") == 1
    answer = httpx.get(
        f"{school.url}/api/v1/school/openings", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    )
    closed = {one["id"]: one["closed_by_trust"] for one in answer.json()}
    assert closed == {ids[0]: ["bad.example.org"], ids[1]: ["worse.example.org"]}
