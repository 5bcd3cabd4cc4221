"""The school's own site bundles: what is kept is what rooms open, and what cannot be opened is in none."""

from typing import Any

import pytest

from appliance.central import rules, school_settings, site_bundles, unblocks, undo
from appliance.central.errors import NotFound, NotPossible
from appliance.central.profiles import ChangedMeanwhile
from appliance.central.school_settings_values import SchoolSettings
from appliance.central.site_bundles import BundleChange
from blocklists.site_bundles import needed_by
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import SiteBundle
from dns.policy.verdict import Action
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def put(school: FakeSchool, site: str, *names: str, revision: str | None = None) -> str:
    with school.store.write_session() as session:
        return site_bundles.put_bundle(
            session, school.clock(), site=site, names=names, by="cora", revision=revision
        )


def look(school: FakeSchool, site: str, *names: str) -> BundleChange:
    with school.store.read_session() as session:
        return site_bundles.preview_bundle(session, school.central.preview, school.clock(), site=site, names=names)


def close(school: FakeSchool, name: str, *, locked: bool = False) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", locked=locked, by="cora")


def test_a_room_opens_what_the_school_says_with_a_site_and_the_undo_takes_it_back(school: FakeSchool) -> None:
    close(school, "cdn.example.net")
    with school.store.write_session() as session:
        unblocks.open_site(session, school.clock(), site="video.example.org", minutes=30, by="cora")
    change = put(school, "https://www.video.example.org/watch", "cdn.example.net", "CDN.example.net.")
    assert school.document().bundles == (SiteBundle(site="video.example.org", names=("cdn.example.net",)),)
    made = CompiledPolicy(school.document(), FakeBlocklist(), needed_names=needed_by)
    now = school.clock().timestamp()
    assert made.view_for_group("pupils").decide("cdn.example.net", 1, now).action is Action.ALLOW
    with school.store.write_session() as session:
        assert undo.undo_change(session, school.clock(), change=change, by="cora") == "the site bundles"
    assert school.document().bundles == ()


def test_one_of_the_schools_takes_the_place_of_what_is_known_until_it_is_removed(school: FakeSchool) -> None:
    put(school, "vimeo.com", "films.example.org")
    with school.store.read_session() as session:
        assert site_bundles.names_now(session, "www.vimeo.com") == ("films.example.org",)
    with school.store.write_session() as session:
        site_bundles.remove_bundle(session, school.clock(), site="vimeo.com", by="cora")
        assert site_bundles.names_now(session, "vimeo.com") == ("vimeocdn.com",)
        with pytest.raises(NotFound, match="the school has no bundle"):
            site_bundles.remove_bundle(session, school.clock(), site="vimeo.com", by="cora")


def test_a_look_tells_of_each_name_whether_it_would_open(school: FakeSchool) -> None:
    close(school, "cdn.example.net")
    close(school, "worst.example.net", locked=True)
    told = look(school, "vimeo.com", "cdn.example.net", "worst.example.net", "films.example.org")
    by_name = {one.name: one for one in told.names}
    assert by_name["cdn.example.net"].preview.would_open
    assert by_name["cdn.example.net"].is_new
    assert not by_name["worst.example.net"].preview.would_open
    assert "Nobody can open it" in by_name["worst.example.net"].preview.why_not
    assert not by_name["films.example.org"].preview.is_closed
    assert told.no_longer == ("vimeocdn.com",)
    assert school.document().bundles == ()


@pytest.mark.parametrize(
    ("site", "names", "why"),
    [
        ("co.uk", (), "not one site"),
        ("", (), "no site was named"),
        ("github.io", (), "anybody can put up pages"),
        ("192.0.2.1", (), "address of a machine"),
        ("video.example.org", ("com",), "not one site"),
        ("video.example.org", ("a b",), "not the name of a site"),
        ("video.example.org", ("\u202e",), "not the name of a site"),
        ("video.example.org", tuple(f"n{number}.example.org" for number in range(61)), "at most 60 further names"),
    ],
)
def test_what_cannot_be_opened_is_in_no_bundle(school: FakeSchool, site: str, names: Any, why: str) -> None:
    for attempt in (put, look):
        with pytest.raises(NotPossible, match=why):
            attempt(school, site, *names)
    with school.store.read_session() as session:
        wanted = SiteBundle(site=site, names=names)
        with pytest.raises(NotPossible, match=why):
            school_settings.checked_settings(session, SchoolSettings(bundles=(wanted,)))


def test_of_two_who_change_one_bundle_the_later_is_told_and_two_bundles_do_not_meet(school: FakeSchool) -> None:
    put(school, "video.example.org", "a.example.org", revision="")
    assert put(school, "video.example.org", "a.example.org", revision="") == "", "a second click"
    put(school, "music.example.org", "b.example.org", revision="")
    with pytest.raises(ChangedMeanwhile, match="cora has changed"):
        put(school, "video.example.org", "c.example.org", revision="")
    assert [one.site for one in school.document().bundles] == ["music.example.org", "video.example.org"]
