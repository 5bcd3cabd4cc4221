"""Why is this closed? The coordinator looks a site up at central."""

from typing import Any

from appliance.central import rules, unblocks
from tests.e2e.browser import Browser


def test_a_site_is_explained_for_each_group_with_the_lists_that_name_it(cora: Browser, school: Any) -> None:
    school.central.publisher.build_and_publish()  # the starter list
    cora.open("/sites?site=https%3A%2F%2Fwww.tiktok.com%2Ffor-you")
    assert "Closed as Social networks, by the starter list." in cora.text  # for pupils
    assert "Open: nothing closes it." in cora.text  # for staff
    assert '<td class="name">tiktok.com</td>' in cora.text
    assert "/requests?open=www.tiktok.com#open-site" in cora.text
    assert cora.open("/requests?open=www.tiktok.com").form_with("site", action="/openings").fields["site"]


def test_rules_and_openings_that_touch_a_site_stand_beside_it(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="example.org", action="block", note="cards", by="cora")
        unblocks.open_site(session, school.clock(), site="other.example.com", minutes=30, by="cora")
        unblocks.open_site(session, school.clock(), site="games.example.org", minutes=30, by="cora")
    text = cora.open("/sites?site=games.example.org").text
    assert "Opened by somebody, until" in text
    assert "(“cards”)" in text
    assert "other.example.com" not in text
    assert "Closed by the school&#39;s rule for example.org." in cora.open("/sites?site=www.example.org").text


def test_an_opening_for_one_room_alone_leaves_the_school_closed(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="example.org", action="block", by="cora")
        unblocks.open_site(session, school.clock(), site="games.example.org", minutes=30, by="cora", room="Room 4")
    text = cora.open("/sites?site=games.example.org").text
    assert "Opened by somebody, until" not in text
    assert "Closed by the school&#39;s rule for example.org." in text


def test_what_is_locked_is_not_offered_to_be_opened(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(
            session, school.clock(), name="example.org", action="block", note="", locked=True, by="cora"
        )
    text = cora.open("/sites?site=example.org").text
    assert "Nobody can open it." in text
    assert "Open it for a while" not in text


def test_what_is_no_site_is_said_beside_the_form(cora: Browser) -> None:
    answer = cora.client.get("/sites?site=co.uk")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="co.uk"' in answer.text
