from typing import Any

import pytest

from appliance.central import profiles, rule_preview, rules, undo
from appliance.central.errors import NotFound, NotPossible
from appliance.central.profile_settings import ProfileSettings, read_settings
from appliance.central.rules import RuleFields
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def test_a_rule_is_for_a_name_and_comes_once(school: FakeSchool) -> None:
    def add(name: str, **how: Any) -> None:
        with school.store.write_session() as session:
            rules.add_rule(session, school.clock(), name=name, by="coordinator", **how)

    add("Bad.Example.ORG.", action="block")
    with pytest.raises(NotPossible, match="already"):
        add("bad.example.org", action="block")
    with pytest.raises(NotPossible, match="not the name of a site"):
        add("no name at all", action="block")
    add("good.example.org", action="allow", locked=True)
    found = {rule.name: rule for rule in document(school).rules}
    assert set(found) == {"bad.example.org", "good.example.org"}
    assert not found["good.example.org"].locked  # only a closing can be locked


def test_a_rule_that_is_not_there_cannot_be_removed(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        rules.remove_rule(session, school.clock(), rule_id=99, by="coordinator")


def create(school: FakeSchool, **fields: Any) -> str:
    with school.store.write_session() as session:
        wanted = RuleFields(**({"name": "bad.example.org", "action": "block"} | fields))
        return rules.create_rule(session, school.clock(), fields=wanted, by="cora").change


def undo_change(school: FakeSchool, change: str) -> str:
    with school.store.write_session() as session:
        return undo.undo_change(session, school.clock(), change=change, by="cora", kinds=(rules.KIND,))


def test_all_that_a_document_says_of_a_rule_reaches_rooms_and_comes_back_after_its_removal(
    school: FakeSchool,
) -> None:
    said: dict[str, Any] = {
        "name": "video.example.org", "action": "allow", "subdomains": False, "groups": ("pupils", "staff"),
        "category": "streaming", "safe_search": False, "note": "for films",
    }  # fmt: skip
    change = create(school, **said)
    (rule,) = document(school).rules
    assert {name: getattr(rule, name) for name in said} == said
    assert undo_change(school, change) == "the rule for video.example.org"
    assert document(school).rules == ()
    create(school, **said)
    with school.store.write_session() as session:
        (row,) = rules.list_rules(session)
        removed = rules.delete_rule(session, school.clock(), rule_id=row.id, by="cora").change
    undo_change(school, removed)
    (rule,) = document(school).rules
    assert {name: getattr(rule, name) for name in said} == said


def test_one_name_has_rules_for_different_groups_and_each_is_undone_by_itself(school: FakeSchool) -> None:
    first = create(school, groups=("pupils",))
    create(school, groups=("staff",))
    with pytest.raises(NotPossible, match="already"):
        create(school, groups=("staff", "staff"))
    undo_change(school, first)
    assert [one.groups for one in document(school).rules] == [("staff",)]


def test_a_rule_follows_the_name_of_its_group_and_keeps_it_from_being_removed(school: FakeSchool) -> None:
    create(school, groups=("staff",))
    with school.store.write_session() as session:
        staff = read_settings(profiles.get_profile(session, "staff"))
        with pytest.raises(NotPossible, match="the rule for bad"):
            profiles.remove_profile(session, school.clock(), name="staff", by="cora")
        renamed = {name: getattr(staff, name) for name in staff.__struct_fields__} | {"name": "teachers"}
        profiles.save_profile(
            session, school.clock(), name="staff", settings=ProfileSettings(**renamed), by="cora"
        )
    assert document(school).rules[0].groups == ("teachers",)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "co.uk"}, "not one site"),
        ({"name": "github.io", "action": "allow"}, "anybody can put up pages"),
        ({"name": "192.0.2.1", "subdomains": False}, "the address of a machine"),
        ({"note": "x" * 201}, "at most 200 characters"),
        ({"note": "a\x00b"}, "control character"),
        ({"category": "c" * 65}, "at most 64 characters"),
        ({"groups": ("nobody",)}, "no group 'nobody'"),
    ],
)
def test_what_no_rule_can_say_is_refused_in_words(school: FakeSchool, fields: Any, why: str) -> None:
    with pytest.raises((NotPossible, NotFound), match=why):
        create(school, **fields)
    assert document(school).rules == ()


def test_a_look_tells_for_which_groups_a_site_would_be_decided_otherwise(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        told = rule_preview.preview_rule(
            session, school.central.preview, school.clock(),
            fields=RuleFields(name="roblox.com", action="block", groups=("pupils",)),
        )  # fmt: skip
    (pupils,) = told.groups
    assert pupils.group == "pupils"
    assert {one.site for one in pupils.sites} == {"roblox.com", "www.roblox.com"}
    assert told.last_week == ()
