"""What a trust's administrators do on its pages."""

import json
import shutil
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from appliance.central import second_factor_rule
from appliance.central.audit_check import AuditCheckJob, run_check
from appliance.central.models import AuditRow, UserRow
from appliance.trust import entries, schools
from appliance.trust_protocol import SchoolNumbers, TrustInvitation
from tests.fakes.code_app import code_of
from tests.fakes.school import PASSWORD
from tests.fakes.trust import FakeTrust
from tests.webui.trust.pages import Pages, signed_in
from tests.webui.trust.test_hostile_school import NUMBERS


@pytest.fixture
def tina(trust: FakeTrust) -> Pages:
    return signed_in(trust)


def school_id(trust: FakeTrust, name: str) -> str:
    with trust.store.read_session() as session:
        return schools.require_school(session, name).id


def in_force(trust: FakeTrust) -> list[tuple[str, str, list[str]]]:
    with trust.store.read_session() as session:
        return [(one.kind, one.key, one.schools) for one in entries.list_entries(session, entries.LOCKS)] + [
            (one.kind, one.key, one.schools) for one in entries.list_entries(session, entries.SHARED)
        ]


def test_where_nobody_can_sign_in_yet_the_page_says_how_the_first_account_is_made(trust: FakeTrust) -> None:
    assert "hallpass account add NAME --role trust_administrator --link" in Pages(trust.app).open("/sign-in")


def test_a_school_is_registered_invited_and_seen_in_touch(trust: FakeTrust, tina: Pages) -> None:
    tina.press("/schools", name="School One", timezone="Europe/Dublin")
    assert tina.said() == "School One is registered. Make its invitation next."

    one = school_id(trust, "School One")
    file = tina.send(f"/schools/{one}/invitation", days="3")
    invitation = json.loads(file.data)
    assert file.headers["Content-Disposition"] == 'attachment; filename="school-one.invitation"'
    assert "an invitation waits until" in tina.open("/schools")
    assert invitation["token"] not in tina.open(f"/schools/{one}"), "it is handed out once"

    assert trust.call("POST", "enrolment", invitation["token"], {"credential_hash": "a" * 64}).status_code == 200
    assert "has joined, and was not seen since" in tina.open("/schools")


def test_a_schools_step_is_its_own_word_for_the_document_of_now(trust: FakeTrust, tina: Pages) -> None:
    credential = trust.enrol("School One")
    told = {**NUMBERS, "document": trust.signed(credential).digest}
    trust.call("PUT", "numbers", credential, told)
    page = tina.open("/schools")
    assert "in touch" in page
    assert "up to date" in page

    trust.lay_down("category", category="games")

    assert "catching up" in tina.open("/schools")
    trust.clock.time += timedelta(hours=3)
    tina = signed_in(trust, "tom")
    assert "silent for 3 hours" in tina.open("/schools")


def test_what_is_empty_says_what_comes_there_and_how_to_begin(tina: Pages) -> None:
    assert "Register the first one below" in tina.open("/schools")
    assert "Begin with one of the buttons above" in tina.open("/laid-down")
    assert "What is taken back stands here then" in tina.open("/laid-down?ended=1")
    assert "No script has a key yet" in tina.open("/script-keys")


def test_an_invitation_is_taken_back_before_it_is_used(trust: FakeTrust, tina: Pages) -> None:
    trust.register("School One")
    one = school_id(trust, "School One")
    token = json.loads(tina.send(f"/schools/{one}/invitation", days="7").data)["token"]

    tina.press(f"/schools/{one}/invitation/withdraw")
    assert tina.said().startswith("The invitation for School One is of no use any more")
    assert trust.call("POST", "enrolment", token, {"credential_hash": "a" * 64}).status_code == 401
    tina.press(f"/schools/{one}/invitation/withdraw")
    assert tina.said() == "no invitation waits for School One."


def test_a_school_is_let_go_once_it_was_said_what_that_means(trust: FakeTrust, tina: Pages) -> None:
    credential = trust.enrol("School One")
    trust.lay_down("category", category="games")
    one = school_id(trust, "School One")

    assert "1 thing that the trust has laid down holds there no more" in tina.open(f"/schools/{one}/retire")
    assert trust.document(credential).is_member, "it was only looked at"
    tina.press(f"/schools/{one}/retire")

    assert tina.said() == "School One is let go: its central hears of it within a minute."
    assert not trust.document(credential).is_member
    tina.press(f"/schools/{one}/revoke")
    assert trust.call("GET", "document", credential).status_code == 403


def test_a_school_is_renamed_and_no_two_have_one_name(trust: FakeTrust, tina: Pages) -> None:
    trust.register("School One")
    trust.register("School Two")
    one = school_id(trust, "School One")

    assert "there is a school called School Two already" in tina.press(f"/schools/{one}/name", name="school two")
    tina.press(f"/schools/{one}/name", name="School Three")
    assert tina.said() == "It is called School Three now."


def test_nothing_is_laid_down_before_it_was_seen_what_comes_of_it(trust: FakeTrust, tina: Pages) -> None:
    trust.register("School One")
    with_number = trust.lay_down("open", name="help.example.org")

    page = tina.press("/laid-down/new/name", name="example.org", note="")

    assert "<strong>example.org</strong>" in page
    assert "closed, with all addresses below it" in page
    assert "No school is in touch at the moment" in page
    assert "Nothing has changed yet" in page
    assert "Later, as soon as they are in touch: School One." in page
    assert f"number {with_number} is about help.example.org: it is closed from then on." in page
    assert in_force(trust) == [("open", "help.example.org", [])]


@pytest.mark.parametrize(
    ("kind", "fields", "made"),
    [
        ("category", {"category": "gambling"}, [("category", "gambling", [])]),
        ("name", {"name": "https://Bad.Example.org/x", "note": "why"}, [("name", "bad.example.org", [])]),
        ("open", {"name": "help.example.org"}, [("open", "help.example.org", [])]),
        ("rule", {"name": "example.org", "action": "allow"}, [("rule", "example.org", [])]),
        (
            "source",
            {"name": "ours", "category": "games", "location": "https://lists.example.org/x"},
            [("source", "ours", [])],
        ),
    ],
)
def test_something_is_laid_down_and_that_is_undone(
    trust: FakeTrust, tina: Pages, kind: str, fields: dict[str, Any], made: Any
) -> None:
    assert "What would come of it" in tina.press(f"/laid-down/new/{kind}", **fields)
    tina.press(f"/laid-down/new/{kind}", seen="1", **fields)
    assert tina.said() == "Laid down: 1 entry. Schools hear of it within a minute."
    assert in_force(trust) == made

    assert "Undone" in tina.undo()
    assert in_force(trust) == []
    assert "have the number 3." in tina.open("/laid-down"), "it was 1, and changed twice"


def test_what_is_laid_down_on_the_page_is_missed_when_an_older_database_is_put_back(
    trust: FakeTrust, tina: Pages
) -> None:
    """By the number that a school's document has brought into the file beside the database."""
    credential = trust.enrol("School One")
    epoch = trust.document(credential).epoch
    folder = trust.central.settings.central.data
    trust.store.close()
    shutil.copytree(folder, folder.parent / "backup")

    tina.press("/laid-down/new/category", category="games", seen="1")
    assert trust.document(credential).locked_categories == ("games",)
    trust.store.close()
    for file in folder.glob("central.db*"):
        file.unlink()
    for file in (folder.parent / "backup").glob("central.db*"):
        shutil.copy(file, folder / file.name)

    again = FakeTrust(folder.parent / "again", prepared=folder, clock=trust.clock)
    again.central.prepare_database()
    assert again.document(credential).epoch > epoch
    again.close()


def test_something_is_laid_down_for_one_school_alone(trust: FakeTrust, tina: Pages) -> None:
    one, two = trust.enrol("School One"), trust.enrol("School Two")
    wanted = [school_id(trust, "School Two")]

    tina.press("/laid-down/new/category", category="games", schools=wanted, seen="1")

    assert trust.document(one).locked_categories == ()
    assert trust.document(two).locked_categories == ("games",)
    assert "School Two" in tina.open("/laid-down")


def test_a_ready_made_set_is_shared_and_taken_back_as_one(trust: FakeTrust, tina: Pages) -> None:
    page = tina.open("/laid-down/new/set")
    set_id = page.partition('<select autocapitalize="none" class="form-select" id="set_id"')[2]
    set_id = set_id.partition('<option value="')[2].partition('"')[0]

    tina.press("/laid-down/new/set", set_id=set_id, seen="1")
    assert len(in_force(trust)) > 1
    assert "all of that set is shared already" in tina.press("/laid-down/new/set", set_id=set_id)
    tina.press("/laid-down/new/set", set_id=set_id, seen="1")
    assert len(in_force(trust)) > 1

    tina.open("/laid-down")


def test_what_is_taken_back_can_be_put_back_in_force(trust: FakeTrust, tina: Pages) -> None:
    number = trust.lay_down("category", category="games")

    tina.press(f"/laid-down/{number}/remove")
    assert tina.said() == "Taken back: Games. It ends at the schools within a minute."
    assert in_force(trust) == []
    assert "Games" in tina.open("/laid-down?ended=1")
    tina.press(f"/laid-down/{number}/restore")
    assert tina.said() == "In force again: Games."
    assert in_force(trust) == [("category", "games", [])]


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/laid-down/new/category", {"category": "no such thing", "seen": "1"}, "Not a valid choice"),
        ("/laid-down/new/name", {"name": "co.uk", "seen": "1"}, "is not one site"),
        (
            "/laid-down/new/source",
            {"name": "ours", "category": "games", "location": "ftp://x", "seen": "1"},
            "https",
        ),
        ("/laid-down/new/category", {"category": "games", "schools": ["nobody's"], "seen": "1"}, "valid choice"),
        ("/laid-down/undo", {"numbers": "1;2"}, "can no longer be undone"),
        ("/laid-down/undo", {"numbers": "99"}, "there is no number 99"),
        ("/laid-down/99/remove", {}, "there is no number 99"),
        ("/schools", {"name": "School", "timezone": "Mars/Base"}, "Mars/Base"),
        ("/schools/nobody/invitation", {"days": "7"}, "there is no such school"),
        ("/schools/nobody/retire", {}, "there is no such school"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(
    trust: FakeTrust, tina: Pages, path: str, fields: dict[str, Any], said: str
) -> None:
    before = trust.store.revisions()

    assert said in tina.press(path, **fields)

    assert in_force(trust) == []
    assert trust.store.revisions() == before


@pytest.mark.parametrize("days", ["0", "91", "1e3", "-1", "٣", ""])
def test_an_invitation_for_no_number_of_days_is_none(trust: FakeTrust, tina: Pages, days: str) -> None:
    trust.register("School One")
    one = school_id(trust, "School One")

    answer = tina.send(f"/schools/{one}/invitation", days=days)

    if answer.mimetype == "application/octet-stream":
        assert days == "٣", "a number all the same"
    else:
        assert "an invitation waits" not in tina.open("/schools")


@pytest.mark.parametrize("text", ["\x00", "\x1b[2J", "x" * 11_000])
def test_a_text_that_no_text_may_be_is_refused(tina: Pages, text: str) -> None:
    assert tina.send("/schools", name=text, timezone="Europe/London").status_code == 400


def test_a_form_without_its_token_changes_nothing(trust: FakeTrust, tina: Pages) -> None:
    answer = tina.client.post("/laid-down/new/category", data={"category": "games", "seen": "1"})

    assert answer.status_code == 400
    assert in_force(trust) == []


def test_numbers_are_shown_and_those_under_five_are_not(trust: FakeTrust, tina: Pages) -> None:
    assert "No school has told any numbers yet" in tina.open("/numbers")
    credential = trust.enrol("School One")
    hostile = [{"category": "<b>Ann Other</b>", "refused": 7}, {"category": "games", "refused": None}]
    trust.call("PUT", "numbers", credential, {**NUMBERS, "refused_by_category": hostile})

    page = tina.open("/numbers")

    assert "under five" in page
    assert "Games: " in page
    assert "Ann Other" not in page, "what a school calls its own categories is none of the trust's business"
    assert "a category of the school's own: 7" in page


def test_a_trust_has_no_field_in_which_a_name_of_a_person_device_room_or_site_could_come() -> None:
    assert set(SchoolNumbers.__struct_fields__) == {
        "version", "timezone", "rooms", "rooms_in_step", "rooms_silent", "answers", "refused",
        "refused_by_category", "requests_waiting", "incidents_open", "lists_built_at", "document",
    }  # fmt: skip


def test_the_audit_says_who_did_what_and_whether_it_is_whole(trust: FakeTrust, tina: Pages) -> None:
    tina.press("/schools", name="School One", timezone="Europe/London")
    page = tina.open("/audit?kind=school+registered")
    assert "tina" in page
    assert "School One (Europe/London)" in page

    assert "Verify the audit" not in page, "there is one check, and it holds up no page"
    folder = trust.central.settings.central.shared_folder
    job = AuditCheckJob(database="", data=folder, shared=folder, by="tina")
    run_check(job, trust.clock)
    assert "Nothing was altered, removed or inserted." in tina.open("/audit")
    with trust.store.write_session() as session:
        session.get_one(AuditRow, 2).detail = "something else"
    run_check(job, trust.clock)
    assert "Entry 2, or one just before it, is not what was written." in tina.open("/audit")


def test_an_administrator_is_added_by_a_link_and_ended_with_undo(trust: FakeTrust, tina: Pages) -> None:
    page = tina.press("/accounts", name="Tom Other", username="tom", ends="")
    link = page.partition('id="link">')[2].partition("<")[0]
    tom = Pages(trust.app)
    path = link.partition("localhost")[2]
    new = {"new": "a few words more", "again": "a few words more"}
    assert tom.send(path, token_from=path, **new).headers["Location"] == "/sign-in"
    assert tom.sign_in("tom", "a few words more").status_code == 302
    assert "Trust administrator" in tom.open("/accounts")

    tina.press("/accounts/tom/end")
    assert "Sign in" in tom.open("/schools")
    tina.undo()
    assert tom.sign_in("tom", "a few words more").status_code == 302


def test_the_last_administrator_stays(trust: FakeTrust, tina: Pages) -> None:
    assert "you cannot end your own account" in tina.press("/accounts/tina/end")
    assert "needs one" not in tina.press(
        "/accounts/tina", name="Tina", username="tina", roles=["coordinator"], ends=""
    )
    with trust.store.read_session() as session:
        assert session.get_one(UserRow, "tina").roles == ["trust_administrator"]


def test_an_administrator_has_a_second_step(trust: FakeTrust, tina: Pages) -> None:
    page = tina.press("/your-second-step/begin")
    secret = page.partition("Without a camera, type this into the app:")[2].partition("<code")[2]
    secret = secret.partition(">")[2].partition("<")[0].replace(" ", "")
    tina.press("/your-second-step/confirm", code=code_of(secret, trust.clock()), password=PASSWORD)
    assert "Your second step is set up" in tina.said()

    trust.clock.time += timedelta(minutes=1)
    again = Pages(trust.app)
    assert again.sign_in("tina").headers["Location"].startswith("/sign-in/code")
    answer = again.send("/sign-in/code", token_from="/sign-in/code", code=code_of(secret, trust.clock()))
    assert answer.headers["Location"] == "/"


def test_a_second_step_that_is_asked_of_administrators_leads_there_first(trust: FakeTrust, tina: Pages) -> None:
    with trust.store.write_session() as session:
        second_factor_rule.ask_of_roles(
            session, trust.clock(), roles=("trust_administrator",), since=trust.clock(), by="test"
        )

    assert "Your second step at signing in" in tina.open("/schools")


@pytest.mark.parametrize(("language", "words"), [("cy", "Ysgolion"), ("ar", "المدارس")])
def test_the_pages_speak_the_readers_language(tina: Pages, language: str, words: str) -> None:
    tina.press("/language", language=language, next="/schools")

    assert words in tina.open("/schools")


def test_what_no_operation_answers_is_a_problem_and_no_page(trust: FakeTrust) -> None:
    answer = trust.call("GET", "elsewhere")

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert trust.call("DELETE", "document").status_code == 405


def test_an_invitation_is_what_a_schools_central_reads(trust: FakeTrust, tina: Pages) -> None:
    trust.register("School One")
    file = tina.send(f"/schools/{school_id(trust, 'School One')}/invitation", days="7")

    assert msgspec.json.decode(file.data, type=TrustInvitation).school_name == "School One"
