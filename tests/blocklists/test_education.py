"""What schools teach with stays open: no list, no set, no keyword and not the starter list closes a name of it."""

from collections.abc import Iterator

import pytest

from blocklists import builtin_list, catalogue, site_bundles
from blocklists.education import education_names, load_education_sites
from blocklists.index import Index
from blocklists.keywords import Keywords
from blocklists.never_block import never_block_names
from dns.message.constants import RecordType
from dns.message.names import canonical, parents
from dns.policy import safe_search
from dns.policy.document import Profile, Rule
from dns.policy.verdict import Action, Step, Verdict
from dns.public_suffix import is_public_suffix, registrable_domain
from tests.blocklists.factories import index_of, source
from tests.fakes.policies import NOW, PUPIL, policy

NAMES = education_names()
KEYWORDS = Keywords.load_builtin()
CATEGORIES = {one.category for one in catalogue.load_catalogue().lists} | set(builtin_list.builtin_names())


@pytest.fixture(scope="module")
def worst(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Lists of every category that close each name, whatever it belongs to, and names under it."""
    registered = [registrable_domain(name) or name for name in NAMES]
    closing = [*NAMES, *(f"www.{name}" for name in NAMES), *registered]
    folder = tmp_path_factory.mktemp("worst")
    plain = "\n".join(closing)
    important = "\n".join(f"||{name}^$important" for name in closing)
    hostile = [
        one
        for category in sorted(CATEGORIES)
        for one in (
            source(folder, plain, f"plain-{category}", category, format="domains", match="subdomains"),
            source(folder, important, f"important-{category}", category, format="adblock"),
        )
    ]
    (folder / "starter").mkdir()
    return index_of(folder, *hostile, *builtin_list.builtin_sources(folder / "starter"))


def test_there_are_at_least_five_hundred_of_them_each_name_once() -> None:
    sites = load_education_sites()
    assert len(sites) >= 500
    assert len({site.name for site in sites}) == len(sites)
    written = [name for site in sites for name in site.names]
    assert len(written) == len(set(written))
    assert {site.subject for site in sites} >= {"sign_in", "office", "help", "maths", "computing", "assessment"}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_somebodys_own_and_no_suffix(name: str) -> None:
    assert canonical(name) == name
    assert registrable_domain(name) is not None
    assert not is_public_suffix(name)
    assert not any(parent in NAMES for parent in list(parents(name))[1:])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_comes_with_hallpass_or_from_a_publisher_closes_it(name: str, worst: Index) -> None:
    for asked in (name, f"www.{name}", f"a.b.{name}"):
        assert worst.find_block_entries(asked) == ()
        assert KEYWORDS.find_block_entries(asked) == ()


def test_the_worst_lists_do_close_whatever_else_they_name(worst: Index) -> None:
    for name in ("minecraft.net", "mojang.minecraft.net", "google.com", "dns.google.com"):
        assert {one.category for one in worst.find_block_entries(name)} >= CATEGORIES


def test_the_starter_list_names_none_of_them() -> None:
    for category, names in builtin_list.builtin_names().items():
        assert [one for one in names if not set(parents(one)).isdisjoint(never_block_names())] == [], category


def test_safe_search_takes_none_of_them_for_an_engine_without_a_safe_name() -> None:
    profile = Profile(name="pupils", safe_search=True)
    assert [one for one in NAMES if safe_search.engine_without_safe_name(tuple(parents(one)), profile)] == []


# Under these anybody puts up files, pages or a data base, or plays: lists may close them.
SHARED_BY_OTHERS = {
    "githubusercontent.com",
    "canva-apps.com",
    "canva.site",
    "firebaseio.com",
    "minecraft-services.net",
}


def classroom_hosts() -> Iterator[tuple[str, str]]:
    """Yield a bundle's name and a host: all that a classroom's bundle names, save what is shared with others."""
    bundles = site_bundles.load_site_bundles()
    others = {name for one in bundles if not one.classroom for name in (*one.sites, *one.needs)}
    for bundle in bundles:
        if bundle.classroom:
            yield from ((bundle.name, site) for site in bundle.sites)
            yield from ((bundle.name, host) for host in bundle.needs if host not in others)


@pytest.mark.parametrize(("bundle", "host"), list(classroom_hosts()))
def test_nothing_closes_a_bundle_of_the_classroom(bundle: str, host: str, worst: Index) -> None:
    assert bundle
    if not any(parent in SHARED_BY_OTHERS for parent in parents(host)):
        assert worst.find_block_entries(host) == ()
        assert KEYWORDS.find_block_entries(host) == ()


def test_social_networks_chats_and_films_are_no_bundles_of_the_classroom() -> None:
    names = {one.name for one in site_bundles.load_site_bundles() if not one.classroom}
    assert names >= {"YouTube", "Netflix", "Instagram", "Discord", "WhatsApp", "ChatGPT", "Reddit", "Minecraft"}
    assert {"youtube.com", "discord.com", "minecraft.net"}.isdisjoint(never_block_names())


@pytest.mark.parametrize("locked", [False, True])
def test_the_schools_own_rule_and_its_lock_still_close_a_site_for_teaching(locked: bool, worst: Index) -> None:
    school = policy(
        worst, locked_categories=("games",), rules=(Rule(name="chess.com", action="block", locked=locked),)
    )

    def decide(name: str) -> Verdict:
        return school.view(PUPIL).decide(name, RecordType.A, NOW)

    assert decide("www.chess.com").step is (Step.LOCKED if locked else Step.RULE)
    assert decide("ttrockstars.com").action is Action.ALLOW  # though lists of a locked category name it
    assert decide("minecraft.net").step is Step.LOCKED
