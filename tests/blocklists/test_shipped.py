"""What Hallpass brings: the starter list, the catalogue, the site bundles; each is well formed and works."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from blocklists import builtin_list, catalogue, site_bundles
from blocklists.categories import CATEGORIES, CATEGORIES_BY_ID, category_name
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError
from blocklists.never_block import never_block_names
from blocklists.sources import check_source, load_sources
from dns.message.names import canonical, is_under
from dns.public_suffix import sections


def test_the_starter_list_has_hundreds_of_names_in_known_categories() -> None:
    names = builtin_list.builtin_names()
    assert set(names) <= CATEGORIES_BY_ID.keys()
    assert len(names) >= 20
    assert sum(len(closed) for closed in names.values()) >= 800


def test_the_starter_list_holds_canonical_names_each_once() -> None:
    for closed in builtin_list.builtin_names().values():
        assert [canonical(name) for name in closed] == list(closed)
        assert len(set(closed)) == len(closed)


def test_the_starter_index_closes_well_known_names_and_leaves_schools_alone(tmp_path: Path) -> None:
    index = builtin_list.open_builtin_index(tmp_path)
    for name, category in {
        "www.bet365.com": "gambling",
        "m.facebook.com": "social_networks",
        "dns.google": "circumvention",
        "www.tinder.com": "dating",
    }.items():
        assert [closing.category for closing in index.find_block_entries(name)] == [category]
    for name in ("www.bbc.co.uk", "www.gov.uk", "en.wikipedia.org", "www.google.com", "classroom.google.com"):
        assert index.find_block_entries(name) == ()


def test_the_starter_index_is_compiled_once_and_again_when_damaged(tmp_path: Path) -> None:
    first = builtin_list.open_builtin_index(tmp_path)
    (file,) = tmp_path.glob(f"*/{INDEX_NAME}")
    written = file.stat().st_mtime_ns
    assert builtin_list.open_builtin_index(tmp_path).version == first.version
    assert file.stat().st_mtime_ns == written
    file.write_bytes(file.read_bytes()[:-20])
    assert builtin_list.open_builtin_index(tmp_path).version == first.version


def test_categories_have_words_and_unknown_ones_are_made_presentable() -> None:
    assert all(category.name and category.about.endswith(".") for category in CATEGORIES)
    assert len(CATEGORIES_BY_ID) == len(CATEGORIES)
    assert category_name("self_harm") == "Self-harm and eating disorders"
    assert category_name("my-own_list") == "My own list"


def test_every_list_of_the_catalogue_can_be_subscribed_to() -> None:
    known = catalogue.load_catalogue()
    assert len({one.id for one in known.lists}) == len(known.lists) >= 40
    for one in known.lists:
        assert check_source(one.to_source()) == []
        assert one.url.startswith("https://")
        assert one.homepage.startswith("https://")
        assert one.category in CATEGORIES_BY_ID
        assert one.about.endswith(".")
        assert one.licence
        assert 1 <= one.update_hours <= 168


def test_the_catalogue_offers_the_four_sets_and_nothing_that_over_blocks_in_them() -> None:
    known = catalogue.load_catalogue()
    assert [one.id for one in known.sets] == ["primary-school", "secondary-school", "staff", "light"]
    for ready in known.sets:
        for one in known.find_lists([ready.id]):
            assert not CATEGORIES_BY_ID[one.category].opt_in


def test_a_set_says_what_it_lacks_and_its_profiles_close_categories_that_there_are() -> None:
    for ready in catalogue.load_catalogue().sets:
        assert ready.about.endswith(".")
        assert ready.lacks.endswith(".")
        for profile in ready.profiles:
            assert set(profile.closed) <= CATEGORIES_BY_ID.keys()
            assert {one.id for one in CATEGORIES if one.school_wide} <= set(profile.closed)


def test_access_grows_with_age() -> None:
    for id_, ages in {
        "primary-school": ("early years", "key stage 1", "key stage 2", "staff"),
        "secondary-school": ("years 7 to 9", "years 10 and 11", "sixth form", "staff"),
    }.items():
        profiles = {one.name: one for one in catalogue.load_catalogue().find_set(id_).profiles}
        closed = [set(profiles[age].closed) for age in ages]
        assert all(older < younger for younger, older in pairwise(closed))
        assert {"staff", "visitors"} <= profiles.keys()


def test_a_set_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(ListError, match="no set 'nothing'; there are primary-school, secondary-school"):
        catalogue.load_catalogue().find_set("nothing")


def test_lists_that_no_school_should_close_are_not_offered() -> None:
    never = ("child", "educational-games", "sexual-education", "update", "cleaning", "liste-blanche", "examen-pix")
    assert not {f"ut1-{name}" for name in never} & {one.id for one in catalogue.load_catalogue().lists}


def test_a_choice_from_the_catalogue_is_a_valid_sources_file(tmp_path: Path) -> None:
    chosen = catalogue.load_catalogue().find_lists(["primary-school", "urlhaus", "urlhaus"])
    (tmp_path / "sources.toml").write_text(
        "\n".join(catalogue.sources_file_lines(one.to_source() for one in chosen))
    )
    assert [one.name for one in load_sources(tmp_path / "sources.toml")] == [one.id for one in chosen]
    with pytest.raises(ListError, match="no list and no set 'nothing'"):
        catalogue.load_catalogue().find_lists(["nothing"])


def test_there_are_bundles_for_fifty_sites_with_canonical_names() -> None:
    known = site_bundles.load_site_bundles()
    assert len(known) >= 50
    sites = [site for bundle in known for site in bundle.sites]
    assert len(set(sites)) == len(sites)
    for bundle in known:
        for name in (*bundle.sites, *bundle.needs):
            assert canonical(name) == name
            assert "." in name


def test_a_bundle_opens_nothing_that_its_sites_open_already() -> None:
    for bundle in site_bundles.load_site_bundles():
        for needed in bundle.needs:
            assert not any(is_under(needed, site) for site in bundle.sites), (bundle.name, needed)


def test_no_bundle_opens_a_network_that_carries_everything() -> None:
    shared = {"cloudfront.net", "amazonaws.com", "akamai.net", "fastly.net", "googleapis.com", "azureedge.net"}
    allowed = {"Google Classroom and Drive"}  # its whole machinery is googleapis.com
    for bundle in site_bundles.load_site_bundles():
        assert bundle.name in allowed or not shared & set(bundle.needs), bundle.name


def test_a_site_is_found_by_its_subdomains() -> None:
    assert "googlevideo.com" in site_bundles.needed_by("www.youtube.com")
    assert "youtu.be" in site_bundles.needed_by("youtube.com")
    assert "youtube.com" not in site_bundles.needed_by("youtube.com")


def test_opening_a_site_opens_what_it_needs_and_a_part_of_it_not_the_whole() -> None:
    assert {"youtu.be", "ytimg.com"} <= set(site_bundles.needed_by("www.youtube.com"))
    assert "ytimg.com" in site_bundles.needed_by("music.youtube.com")
    assert "youtube.com" not in site_bundles.needed_by("music.youtube.com")
    assert site_bundles.needed_by("nobody-knows.example") == ()
    assert site_bundles.needed_by("nobody.example") == ()
    bundle = site_bundles.find_site_bundle("m.youtube.com")
    assert bundle is not None
    assert bundle.name == "YouTube"


def test_protected_names_are_canonical() -> None:
    assert all(canonical(name) == name for name in never_block_names())


def test_the_data_files_are_toml_without_surprises() -> None:
    for name in ("builtin_list", "education", "keywords", "catalogue", "site_bundles"):
        path = Path(builtin_list.__file__).parent / f"{name}.toml"
        text = path.read_text("utf-8")
        assert tomllib.loads(text)
        assert text.isascii()


# Under these the site puts each program, app or file under a name made by chance: without them it shows none.
NAMES_BY_CHANCE = {"repl.co", "replit.dev", "canva-apps.com", "oaiusercontent.com"}


def test_a_bundle_brings_no_name_under_which_anybody_puts_up_pages() -> None:
    names = {name for bundle in site_bundles.load_site_bundles() for name in (*bundle.sites, *bundle.needs)}
    assert sections(names).keys() == NAMES_BY_CHANCE
