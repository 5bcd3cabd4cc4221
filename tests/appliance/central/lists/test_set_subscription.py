"""The school subscribes to a ready-made set: lists, openings, profiles; what it has already stays."""

from appliance.central import audit, profiles, rules
from appliance.central.lists import sources
from appliance.central.lists.set_subscription import SubscribedSet, subscribe_set
from blocklists.catalogue import load_catalogue
from tests.fakes.school import FakeSchool

PRIMARY = load_catalogue().find_set("primary-school")


def subscribe(school: FakeSchool) -> SubscribedSet:
    with school.store.write_session() as session:
        return subscribe_set(session, school.clock(), chosen=PRIMARY, by="coordinator")


def test_one_step_brings_lists_openings_and_profiles(school: FakeSchool) -> None:
    added = subscribe(school)

    assert added.sources == PRIMARY.lists
    assert added.openings == PRIMARY.openings
    assert added.profiles == ("early years", "key stage 1", "key stage 2", "visitors")  # staff was there
    with school.store.read_session() as session:
        assert {one.name for one in sources.list_sources(session)} == set(PRIMARY.lists)
        assert {one.name: one.action for one in rules.list_rules(session)} == dict.fromkeys(
            added.openings, "allow"
        )
        by_name = {one.name: one for one in profiles.list_profiles(session)}
        assert by_name["pupils"].is_default
        assert "shorteners" in by_name["early years"].closed
        assert "shorteners" not in by_name["key stage 1"].closed
        assert by_name["early years"].safe_search
        assert by_name["early years"].keywords


def test_a_second_time_adds_nothing_and_changes_nothing(school: FakeSchool) -> None:
    subscribe(school)
    with school.store.write_session() as session:
        profiles.set_blocked_categories(
            session, school.clock(), profile="key stage 2", blocked=["games"], by="coordinator"
        )

    assert subscribe(school) == SubscribedSet(sources=(), openings=(), profiles=())
    with school.store.read_session() as session:
        by_name = {one.name: one for one in profiles.list_profiles(session)}
        assert by_name["key stage 2"].closed == ["games"]


def test_a_list_that_is_subscribed_under_another_name_is_not_taken_twice(school: FakeSchool) -> None:
    (games,) = load_catalogue().find_lists(["ut1-games"])
    with school.store.write_session() as session:
        sources.subscribe_source(
            session, school.clock(), name="our-games", category="games", location=games.url, by="coordinator"
        )

    assert "ut1-games" not in subscribe(school).sources


def test_rooms_get_the_new_profiles_and_the_audit_says_who(school: FakeSchool) -> None:
    school.enrol()
    subscribe(school)

    document = school.document()
    assert {"early years", "key stage 1", "key stage 2", "staff", "visitors"} <= {
        one.name for one in document.profiles
    }
    with school.store.read_session() as session:
        (entry,) = (one for one in audit.list_audit_entries(session) if one.what == "set of lists added")
        assert entry.who == "coordinator"
        assert entry.detail.startswith(f"primary-school: {len(PRIMARY.lists)} lists")
